package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"

	"github.com/jackc/pgx/v4"
)

const insert = "INSERT INTO outbox.callback (url, form, ordering_key) VALUES ($1, $2, $3)"

var url = os.Getenv("CALLBACK_URL")

type form struct { // not map[string]any, whose numbers from JSON are float64
	Code            int      `json:"code"`
	FlowExecutionID int64    `json:"flowExecutionId"`
	Message         string   `json:"message,omitempty"`
	Tags            []string `json:"tags,omitempty"`
}

func (f form) String() string {
	text, err := json.Marshal(f)
	check(err)
	return string(text)
}

func fail(ctx context.Context, tx pgx.Tx, execution int64, message string) {
	_, err := tx.Exec(ctx, "UPDATE flow_execution SET status = 'error' WHERE id = $1", execution)
	check(err)
	f := form{Code: 3, FlowExecutionID: execution, Message: message, Tags: []string{"a", "b"}}
	_, err = tx.Exec(ctx, insert, url, f.String(), fmt.Sprintf("execution %d", execution))
	check(err)
}

func main() {
	ctx := context.Background()
	db, err := pgx.Connect(ctx, os.Getenv("DATABASE_URL"))
	check(err)

	tx, err := db.Begin(ctx)
	check(err)
	fail(ctx, tx, 9007199254740993, "失败 💥")
	check(tx.Commit(ctx))

	tx, err = db.Begin(ctx)
	check(err)
	fail(ctx, tx, 9007199254740994, "never sent")
	check(tx.Rollback(ctx))

	batch := &pgx.Batch{} // many at once, in one transaction
	for n := int64(0); n < 1000; n++ {
		batch.Queue(insert, url, form{Code: 2, FlowExecutionID: 9007199254740993 + n}.String(), nil)
	}
	check(db.SendBatch(ctx, batch).Close())
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
