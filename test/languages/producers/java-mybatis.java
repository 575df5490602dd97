import org.apache.ibatis.annotations.Insert;
import org.apache.ibatis.annotations.Options;
import org.apache.ibatis.annotations.Param;
import org.apache.ibatis.annotations.Select;
import org.apache.ibatis.annotations.Update;
import org.apache.ibatis.datasource.unpooled.UnpooledDataSource;
import org.apache.ibatis.mapping.Environment;
import org.apache.ibatis.session.Configuration;
import org.apache.ibatis.session.ExecutorType;
import org.apache.ibatis.session.SqlSession;
import org.apache.ibatis.session.SqlSessionFactoryBuilder;
import org.apache.ibatis.transaction.jdbc.JdbcTransactionFactory;

class Producer {
    static final String URL = System.getenv("CALLBACK_URL");

    interface Callbacks {
        @Update("UPDATE flow_execution SET status = 'error' WHERE id = #{execution}")
        void setFailed(@Param("execution") long execution);

        @Insert("INSERT INTO outbox.callback (url, form, ordering_key) VALUES (#{url}, #{form}::json, #{key})")
        void insert(@Param("url") String url, @Param("form") String form, @Param("key") String key);

        // A function that writes is called by a SELECT, whose result MyBatis remembers in the session: without flushCache
        // a second call with the same arguments is answered from memory, and its callback is never written.
        @Select("SELECT outbox.flow_modified(#{url}, #{flow}, #{change})")
        @Options(flushCache = Options.FlushCachePolicy.TRUE)
        Long flowModified(@Param("url") String url, @Param("flow") long flow, @Param("change") String change);
    }

    static void fail(SqlSession session, long execution, String form) {
        var callbacks = session.getMapper(Callbacks.class);
        callbacks.setFailed(execution);
        callbacks.insert(URL, form, "execution " + execution);
    }

    public static void main(String[] args) {
        var source = new UnpooledDataSource("org.postgresql.Driver", System.getenv("JDBC_URL"), null, null);
        var configuration = new Configuration(new Environment("scheduler", new JdbcTransactionFactory(), source));
        configuration.addMapper(Callbacks.class);
        var sessions = new SqlSessionFactoryBuilder().build(configuration);

        try (var session = sessions.openSession()) {
            fail(session, 9007199254740993L, """
                    {"code": 3, "flowExecutionId": 9007199254740993, "message": "失败 💥", "tags": ["a", "b"]}""");
            session.commit();

            fail(session, 9007199254740994L, "{\"message\": \"never sent\"}");
            session.rollback();
        }
        try (var session = sessions.openSession(ExecutorType.BATCH)) { // many at once
            var callbacks = session.getMapper(Callbacks.class);
            for (int n = 0; n < 1000; n++)
                callbacks.insert(URL, "{\"code\": 2, \"flowExecutionId\": " + (9007199254740993L + n) + "}", null);
            session.commit();
        }
    }
}
