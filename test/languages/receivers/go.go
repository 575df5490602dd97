package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	_ "github.com/lib/pq"
)

const remember = "INSERT INTO ringback.inbox (message_id, sent_at) VALUES ($1, to_timestamp($2)) ON CONFLICT DO NOTHING"
const effect = "INSERT INTO execution_state (execution, code, message, tags) VALUES ($1, $2, $3, $4)"

func isGenuine(key []byte, header http.Header, body []byte) bool {
	sentAt := header.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(sentAt, 10, 64)
	age := time.Since(time.Unix(seconds, 0))
	if err != nil || age > 5*time.Minute || age < -5*time.Minute {
		return false
	}
	mac := hmac.New(sha256.New, key)
	io.WriteString(mac, header.Get("webhook-id")+"."+sentAt+".")
	mac.Write(body)
	wanted := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for _, given := range strings.Split(header.Get("webhook-signature"), " ") {
		if hmac.Equal([]byte(wanted), []byte(given)) {
			return true
		}
	}
	return false
}

func handle(db *sql.DB, header http.Header, form url.Values) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	result, err := tx.Exec(remember, header.Get("webhook-id"), header.Get("webhook-timestamp"))
	if err != nil {
		return err
	}
	if added, err := result.RowsAffected(); err != nil || added == 0 {
		return err // 0: a duplicate
	}
	message := sql.NullString{String: form.Get("message"), Valid: form.Has("message")} // may be left out
	_, err = tx.Exec(effect, form.Get("flowExecutionId"), form.Get("code"), message, strings.Join(form["tags"], ","))
	if err != nil {
		return err
	}
	return tx.Commit()
}

func main() {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(os.Getenv("RECEIVER_KEY"), "whsec_"))
	if err != nil || len(key) < 24 {
		log.Fatal("RECEIVER_KEY is no key") // anybody could sign with an empty one
	}
	db, err := sql.Open("postgres", os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusUnauthorized
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20)) // as it came: r.ParseForm would read it first
		if err == nil && isGenuine(key, r.Header, body) {
			status = http.StatusNoContent
			form, fault := url.ParseQuery(string(body))
			if err = fault; err == nil {
				err = handle(db, r.Header, form)
			}
		}
		if err != nil {
			log.Print(err)
			status = http.StatusInternalServerError // tried again
		}
		w.WriteHeader(status)
	})))
}
