// What JDBC has to say so that a text becomes a form, which generated keys it may ask for, how it calls a function.
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Types;

class Traps {
    static final String FORM = "{\"flowExecutionId\": 9007199254740993}";

    interface Insert {
        void run(Connection db, String sql) throws SQLException;
    }

    static void asString(Connection db, String sql) throws SQLException {
        try (var statement = db.prepareStatement(sql, new String[] {"id"})) {
            statement.setString(1, FORM);
            statement.executeUpdate();
            var keys = statement.getGeneratedKeys();
            if (!keys.next() || keys.getLong("id") <= 0) throw new AssertionError("no generated key");
        }
    }

    static void asOther(Connection db, String sql) throws SQLException {
        try (var statement = db.prepareStatement(sql)) {
            statement.setObject(1, FORM, Types.OTHER);
            statement.executeUpdate();
        }
    }

    static void returningAll(Connection db, String sql) throws SQLException {
        try (var statement = db.prepareStatement(sql, java.sql.Statement.RETURN_GENERATED_KEYS)) {
            statement.setString(1, FORM);
            statement.executeUpdate();
        }
    }

    static void call(Connection db, String insert) throws SQLException {
        String sql = "SELECT outbox.flow_modified('https://receiver.test/', 7, 'paused')";
        try (var statement = db.createStatement()) {
            if (!statement.executeQuery(sql).next()) throw new AssertionError("no id");
            statement.executeUpdate(sql);
        }
    }

    /** @param with of the driver's complaint; null: it is taken. */
    static void check(String options, String form, Insert insert, String with) throws SQLException {
        String said = null;
        try (var db = DriverManager.getConnection(System.getenv("JDBC_URL") + options)) {
            db.setAutoCommit(false);
            insert.run(db, "INSERT INTO outbox.callback (url, form) VALUES ('https://receiver.test/', " + form + ")");
            db.rollback();
        } catch (SQLException error) {
            said = error.getMessage();
        }
        if (with == null ? said != null : said == null || !said.contains(with)) throw new AssertionError(form + " " + said);
    }

    public static void main(String[] args) throws SQLException {
        check("", "?", Traps::asString, "column \"form\" is of type outbox.form but expression is of type character varying");
        check("", "?::json", Traps::asString, null);
        check("", "CAST(? AS json)", Traps::asString, null);
        check("", "?", Traps::asOther, null);
        check("&stringtype=unspecified", "?", Traps::asString, null);
        check("", "?::json", Traps::returningAll, "permission denied for table callback");
        check("", "", Traps::call, "A result was returned when none was expected");
    }
}
