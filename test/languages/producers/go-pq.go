package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"log"
	"os"

	"github.com/lib/pq"
)

const insert = "INSERT INTO outbox.callback (url, form, ordering_key) VALUES ($1, $2, $3)"

var url = os.Getenv("CALLBACK_URL")

type form struct { // not map[string]any, whose numbers from JSON are float64
	Code            int      `json:"code"`
	FlowExecutionID int64    `json:"flowExecutionId"`
	Message         string   `json:"message,omitempty"`
	Tags            []string `json:"tags,omitempty"`
}

// A string: lib/pq sends []byte as bytea, which is no JSON.
func (f form) String() string {
	text, err := json.Marshal(f)
	check(err)
	return string(text)
}

func fail(tx *sql.Tx, execution int64, message string) {
	_, err := tx.Exec("UPDATE flow_execution SET status = 'error' WHERE id = $1", execution)
	check(err)
	f := form{Code: 3, FlowExecutionID: execution, Message: message, Tags: []string{"a", "b"}}
	_, err = tx.Exec(insert, url, f.String(), fmt.Sprintf("execution %d", execution))
	check(err)
}

func main() {
	db, err := sql.Open("postgres", os.Getenv("DATABASE_URL"))
	check(err)

	tx, err := db.Begin()
	check(err)
	fail(tx, 9007199254740993, "失败 💥")
	check(tx.Commit())

	tx, err = db.Begin()
	check(err)
	fail(tx, 9007199254740994, "never sent")
	check(tx.Rollback())

	tx, err = db.Begin()
	check(err)
	rows, err := tx.Prepare(pq.CopyInSchema("outbox", "callback", "url", "form")) // many at once
	check(err)
	for n := int64(0); n < 1000; n++ {
		_, err = rows.Exec(url, form{Code: 2, FlowExecutionID: 9007199254740993 + n}.String())
		check(err)
	}
	_, err = rows.Exec()
	check(err)
	check(tx.Commit())
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
