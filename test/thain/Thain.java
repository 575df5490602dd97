import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;

/** Changes of status as a scheduler like Thain makes them, each in one transaction with its callback. */
class Thain {
    final Connection db;
    /** False: the program writes the callbacks itself. */
    final boolean hasTriggers;

    Thain(Connection db, boolean hasTriggers) {
        this.db = db;
        this.hasTriggers = hasTriggers;
    }

    interface Work {
        void run() throws SQLException;
    }

    void transaction(Work work) throws SQLException {
        try {
            work.run();
            db.commit();
        } catch (SQLException | RuntimeException e) {
            db.rollback();
            throw e;
        }
    }

    void run(String sql, Object... values) throws SQLException {
        try (var statement = db.prepareStatement(sql)) {
            for (int i = 0; i < values.length; i++) statement.setObject(i + 1, values[i]);
            statement.execute();
        }
    }

    void setScheduling(long flow, int status, String change) throws SQLException {
        run("UPDATE scheduler.flow SET scheduling_status = ? WHERE id = ?", status, flow);
        if (hasTriggers) return;
        run("SELECT outbox.flow_modified(modify_callback_url, id, ?) FROM scheduler.flow WHERE id = ?", change, flow);
    }

    void setFlowExecution(long id, int status, String state, String message) throws SQLException {
        run("UPDATE scheduler.flow_execution SET status = ?, error_message = ? WHERE id = ?", status, message, id);
        if (hasTriggers) return;
        run("""
                SELECT outbox.flow_execution_changed(f.callback_url, f.id, e.id, ?, ?)
                  FROM scheduler.flow_execution e JOIN scheduler.flow f ON f.id = e.flow_id
                 WHERE e.id = ?""", state, message, id);
    }

    void setJobExecution(long id, int status, String state, String message) throws SQLException {
        run("UPDATE scheduler.job_execution SET status = ?, error_message = ? WHERE id = ?", status, message, id);
        if (hasTriggers) return;
        // Jobs of one execution commit side by side. Who holds its row goes first, and the callbacks keep that order.
        run("""
                SELECT FROM scheduler.flow_execution
                 WHERE id = (SELECT flow_execution_id FROM scheduler.job_execution WHERE id = ?) FOR NO KEY UPDATE""", id);
        run("""
                SELECT outbox.job_execution_changed(j.callback_url, e.flow_id, e.id, ?, ?)
                  FROM scheduler.job_execution x
                  JOIN scheduler.job j ON j.id = x.job_id
                  JOIN scheduler.flow_execution e ON e.id = x.flow_execution_id
                 WHERE x.id = ?""", state, message, id);
    }

    /** All that the contract has a callback for, and one change that does not happen. */
    public static void main(String[] args) throws SQLException {
        var flow = Long.parseLong(System.getenv("FLOW"));
        var execution = Long.parseLong(System.getenv("FLOW_EXECUTION"));
        var job = Long.parseLong(System.getenv("JOB_EXECUTION"));
        try (var db = DriverManager.getConnection(System.getenv("JDBC_URL"))) {
            db.setAutoCommit(false);
            var thain = new Thain(db, "yes".equals(System.getenv("TRIGGERS")));

            thain.transaction(() -> thain.setScheduling(flow, 2, "paused"));
            thain.transaction(() -> thain.setScheduling(flow, 1, "resumed"));

            thain.transaction(() -> thain.setFlowExecution(execution, 4, "running", null));
            thain.transaction(() -> thain.setFlowExecution(execution, 2, "success", null));
            thain.transaction(() -> thain.setFlowExecution(execution, 3, "error", "任务失败: exit code 1"));
            thain.transaction(() -> thain.setFlowExecution(execution, 5, "killed", null));
            thain.transaction(() -> thain.setFlowExecution(execution, 7, "auto_killed", null));

            thain.transaction(() -> thain.setJobExecution(job, 2, "running", null));
            thain.transaction(() -> thain.setJobExecution(job, 3, "success", null));
            thain.transaction(() -> thain.setJobExecution(job, 4, "error", "任务失败: exit code 1"));

            try {
                thain.transaction(() -> {
                    thain.setJobExecution(job, 2, "running", null);
                    throw new IllegalStateException("the process dies here");
                });
            } catch (IllegalStateException e) {
                // Neither the status nor the callback is there.
            }
        }
    }
}
