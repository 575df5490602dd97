// A SELECT of a function that writes: the second of two equal ones is answered from the session's cache.
import org.apache.ibatis.annotations.Options;
import org.apache.ibatis.annotations.Select;
import org.apache.ibatis.datasource.unpooled.UnpooledDataSource;
import org.apache.ibatis.mapping.Environment;
import org.apache.ibatis.session.Configuration;
import org.apache.ibatis.session.SqlSessionFactoryBuilder;
import org.apache.ibatis.transaction.jdbc.JdbcTransactionFactory;

class Traps {
    interface Callbacks {
        @Select("SELECT outbox.flow_modified('https://receiver.test/', 7, 'paused')")
        long cached();

        @Select("SELECT outbox.flow_modified('https://receiver.test/', 7, 'paused')")
        @Options(flushCache = Options.FlushCachePolicy.TRUE)
        long flushed();
    }

    public static void main(String[] args) {
        var source = new UnpooledDataSource("org.postgresql.Driver", System.getenv("JDBC_URL"), null, null);
        var configuration = new Configuration(new Environment("scheduler", new JdbcTransactionFactory(), source));
        configuration.addMapper(Callbacks.class);
        try (var session = new SqlSessionFactoryBuilder().build(configuration).openSession()) {
            var callbacks = session.getMapper(Callbacks.class);
            if (callbacks.cached() != callbacks.cached()) throw new AssertionError("not cached");
            if (callbacks.flushed() == callbacks.flushed()) throw new AssertionError("cached");
            session.rollback();
        }
    }
}
