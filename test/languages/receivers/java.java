import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.security.MessageDigest;
import java.sql.DriverManager;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

import static java.nio.charset.StandardCharsets.UTF_8;

class Receiver {
    static final byte[] KEY = Base64.getDecoder().decode(System.getenv("RECEIVER_KEY").substring("whsec_".length()));
    static final String REMEMBER = "INSERT INTO ringback.inbox (message_id, sent_at) VALUES (?, to_timestamp(?)) ON CONFLICT DO NOTHING";
    static final String EFFECT = "INSERT INTO execution_state (execution, code, message, tags) VALUES (?, ?, ?, ?)";

    static boolean isGenuine(String id, String sentAt, String signatures, byte[] body) throws Exception {
        if (id == null || signatures == null || sentAt == null || !sentAt.matches("[0-9]{1,11}")) return false;
        if (Math.abs(System.currentTimeMillis() / 1000 - Long.parseLong(sentAt)) > 300) return false;
        var mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(KEY, "HmacSHA256"));
        mac.update((id + "." + sentAt + ".").getBytes(UTF_8));
        var wanted = "v1," + Base64.getEncoder().encodeToString(mac.doFinal(body));
        for (var given : signatures.split(" "))
            if (MessageDigest.isEqual(wanted.getBytes(UTF_8), given.getBytes(UTF_8))) return true;
        return false;
    }

    static Map<String, List<String>> parse(String body) {
        var form = new HashMap<String, List<String>>();
        for (var field : body.split("&")) {
            var pair = field.split("=", 2);
            form.computeIfAbsent(URLDecoder.decode(pair[0], UTF_8), name -> new ArrayList<>())
                    .add(pair.length > 1 ? URLDecoder.decode(pair[1], UTF_8) : "");
        }
        return form;
    }

    static void handle(String id, long sentAt, Map<String, List<String>> form) throws Exception {
        try (var db = DriverManager.getConnection(System.getenv("JDBC_URL"))) {
            db.setAutoCommit(false); // closing without commit rolls back
            try (var remember = db.prepareStatement(REMEMBER); var effect = db.prepareStatement(EFFECT)) {
                remember.setString(1, id);
                remember.setDouble(2, sentAt);
                if (remember.executeUpdate() == 0) return; // a duplicate
                effect.setLong(1, Long.parseLong(form.get("flowExecutionId").get(0)));
                effect.setInt(2, Integer.parseInt(form.get("code").get(0)));
                var message = form.get("message"); // may be left out
                effect.setString(3, message == null ? null : message.get(0));
                effect.setString(4, String.join(",", form.getOrDefault("tags", List.of())));
                effect.executeUpdate();
            }
            db.commit();
        }
    }

    static void answer(HttpExchange exchange) {
        int status = 500; // tried again
        try (exchange) {
            try {
                var headers = exchange.getRequestHeaders();
                var body = exchange.getRequestBody().readAllBytes();
                String id = headers.getFirst("webhook-id"), sentAt = headers.getFirst("webhook-timestamp");
                if (isGenuine(id, sentAt, headers.getFirst("webhook-signature"), body)) {
                    handle(id, Long.parseLong(sentAt), parse(new String(body, UTF_8)));
                    status = 204;
                } else {
                    status = 401;
                }
            } catch (Exception error) {
                error.printStackTrace();
            }
            exchange.sendResponseHeaders(status, -1);
        } catch (java.io.IOException error) {
            error.printStackTrace();
        }
    }

    public static void main(String[] args) throws Exception {
        int port = Integer.parseInt(System.getenv("PORT"));
        var server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 0);
        server.setExecutor(Executors.newFixedThreadPool(4));
        server.createContext("/", Receiver::answer);
        server.start();
    }
}
