import org.apache.ibatis.annotations.Options;
import org.apache.ibatis.annotations.Param;
import org.apache.ibatis.annotations.Select;
import org.apache.ibatis.annotations.Update;
import org.apache.ibatis.datasource.unpooled.UnpooledDataSource;
import org.apache.ibatis.mapping.Environment;
import org.apache.ibatis.session.Configuration;
import org.apache.ibatis.session.SqlSessionFactory;
import org.apache.ibatis.session.SqlSessionFactoryBuilder;
import org.apache.ibatis.transaction.jdbc.JdbcTransactionFactory;

class MyBatis {
    interface Statuses {
        @Update("UPDATE scheduler.flow SET scheduling_status = #{status} WHERE id = #{id}")
        void setScheduling(@Param("id") long id, @Param("status") int status);

        @Update("UPDATE scheduler.flow_execution SET status = #{status}, error_message = #{message} WHERE id = #{id}")
        void setFlowExecution(@Param("id") long id, @Param("status") int status, @Param("message") String message);

        @Update("UPDATE scheduler.job_execution SET status = #{status}, error_message = #{message} WHERE id = #{id}")
        void setJobExecution(@Param("id") long id, @Param("status") int status, @Param("message") String message);
    }

    // MyBatis remembers what a SELECT has returned in a session. Without flushCache the second of two equal calls writes nothing.
    interface Callbacks {
        @Select("SELECT outbox.flow_modified(modify_callback_url, id, #{change}) FROM scheduler.flow WHERE id = #{id}")
        @Options(flushCache = Options.FlushCachePolicy.TRUE)
        Long flowModified(@Param("id") long id, @Param("change") String change);

        @Select("""
                SELECT outbox.flow_execution_changed(f.callback_url, f.id, e.id, #{state}, #{message})
                  FROM scheduler.flow_execution e JOIN scheduler.flow f ON f.id = e.flow_id
                 WHERE e.id = #{id}""")
        @Options(flushCache = Options.FlushCachePolicy.TRUE)
        Long flowExecutionChanged(
                @Param("id") long id, @Param("state") String state, @Param("message") String message);

        // Jobs of one execution commit side by side. Who locks its row first writes first.
        @Select("""
                SELECT id FROM scheduler.flow_execution
                 WHERE id = (SELECT flow_execution_id FROM scheduler.job_execution WHERE id = #{id})
                   FOR NO KEY UPDATE""")
        @Options(flushCache = Options.FlushCachePolicy.TRUE)
        long lockExecutionOf(@Param("id") long job);

        @Select("""
                SELECT outbox.job_execution_changed(j.callback_url, e.flow_id, e.id, #{state}, #{message})
                  FROM scheduler.job_execution x
                  JOIN scheduler.job j ON j.id = x.job_id
                  JOIN scheduler.flow_execution e ON e.id = x.flow_execution_id
                 WHERE x.id = #{id}""")
        @Options(flushCache = Options.FlushCachePolicy.TRUE)
        Long jobExecutionChanged(
                @Param("id") long id, @Param("state") String state, @Param("message") String message);
    }

    final SqlSessionFactory sessions;

    MyBatis(String url) {
        var source = new UnpooledDataSource("org.postgresql.Driver", url, null, null);
        var configuration = new Configuration(new Environment("scheduler", new JdbcTransactionFactory(), source));
        configuration.addMapper(Statuses.class);
        configuration.addMapper(Callbacks.class);
        sessions = new SqlSessionFactoryBuilder().build(configuration);
    }

    /** One session, one transaction: the status and its callback. */
    void setScheduling(long id, int status, String change) {
        try (var session = sessions.openSession()) {
            session.getMapper(Statuses.class).setScheduling(id, status);
            session.getMapper(Callbacks.class).flowModified(id, change);
            session.commit();
        }
    }

    void setFlowExecution(long id, int status, String state, String message) {
        try (var session = sessions.openSession()) {
            session.getMapper(Statuses.class).setFlowExecution(id, status, message);
            session.getMapper(Callbacks.class).flowExecutionChanged(id, state, message);
            session.commit();
        }
    }

    void setJobExecution(long id, int status, String state, String message) {
        try (var session = sessions.openSession()) {
            session.getMapper(Statuses.class).setJobExecution(id, status, message);
            session.getMapper(Callbacks.class).lockExecutionOf(id);
            session.getMapper(Callbacks.class).jobExecutionChanged(id, state, message);
            session.commit();
        }
    }

    public static void main(String[] args) {
        var flow = Long.parseLong(System.getenv("FLOW"));
        var execution = Long.parseLong(System.getenv("FLOW_EXECUTION"));
        var job = Long.parseLong(System.getenv("JOB_EXECUTION"));
        var thain = new MyBatis(System.getenv("JDBC_URL"));

        thain.setScheduling(flow, 2, "paused");
        thain.setScheduling(flow, 1, "resumed");

        thain.setFlowExecution(execution, 4, "running", null);
        thain.setFlowExecution(execution, 2, "success", null);
        thain.setFlowExecution(execution, 3, "error", "任务失败: exit code 1");
        thain.setFlowExecution(execution, 5, "killed", null);
        thain.setFlowExecution(execution, 7, "auto_killed", null);

        thain.setJobExecution(job, 2, "running", null);
        thain.setJobExecution(job, 3, "success", null);
        thain.setJobExecution(job, 4, "error", "任务失败: exit code 1");
    }
}
