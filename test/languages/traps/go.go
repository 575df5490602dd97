// COPY of lib/pq writes []byte as bytea; an id that has been decoded into `any` is rounded.
package main

import (
	"database/sql"
	"encoding/json"
	"log"
	"os"
	"strings"

	"github.com/lib/pq"
)

func main() {
	db, err := sql.Open("postgres", os.Getenv("DATABASE_URL"))
	check(err)
	var form map[string]any
	check(json.Unmarshal([]byte(`{"id": 9007199254740993}`), &form))
	text, err := json.Marshal(form)
	check(err)
	if string(text) != `{"id":9007199254740992}` {
		log.Fatalf("not rounded: %s", text)
	}
	tx, err := db.Begin()
	check(err)
	rows, err := tx.Prepare(pq.CopyInSchema("outbox", "callback", "url", "form"))
	check(err)
	_, err = rows.Exec("https://receiver.test/", text)
	check(err)
	_, err = rows.Exec()
	if err == nil || !strings.Contains(err.Error(), "invalid input syntax for type json") {
		log.Fatalf("[]byte: %v", err)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
