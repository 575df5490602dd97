import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;

class Producer {
    // A text parameter is `varchar` to PostgreSQL, so it needs the cast: ?::json, or CAST(? AS json).
    static final String INSERT = "INSERT INTO outbox.callback (url, form, ordering_key) VALUES (?, ?::json, ?)";
    static final String URL = System.getenv("CALLBACK_URL");

    static void fail(Connection db, long execution, String form) throws SQLException {
        try (var update = db.prepareStatement("UPDATE flow_execution SET status = 'error' WHERE id = ?");
                var insert = db.prepareStatement(INSERT)) {
            update.setLong(1, execution);
            update.executeUpdate();
            insert.setString(1, URL);
            insert.setString(2, form); // of your JSON library, such as Jackson's writeValueAsString
            insert.setString(3, "execution " + execution);
            insert.executeUpdate();
        }
    }

    public static void main(String[] args) throws SQLException {
        try (var db = DriverManager.getConnection(System.getenv("JDBC_URL"))) {
            db.setAutoCommit(false);
            fail(db, 9007199254740993L, """
                    {"code": 3, "flowExecutionId": 9007199254740993, "message": "失败 💥", "tags": ["a", "b"]}""");
            db.commit();

            fail(db, 9007199254740994L, "{\"message\": \"never sent\"}");
            db.rollback();

            try (var insert = db.prepareStatement(INSERT)) { // many at once; reWriteBatchedInserts=true makes it faster
                for (int n = 0; n < 1000; n++) {
                    insert.setString(1, URL);
                    insert.setString(2, "{\"code\": 2, \"flowExecutionId\": " + (9007199254740993L + n) + "}");
                    insert.setString(3, null);
                    insert.addBatch();
                }
                insert.executeBatch();
            }
            db.commit();
        }
    }
}
