// A Neo4j 5 Community on one port of this machine, from its published artifacts: what a user tries a mirror with, and
// what the tests run against. Everything else about it is Neo4j's own.
//
//   java .. Start FOLDER PORT [--until-eof] [--temporary] [--read-only] [--tls FOLDER] [--password WORD]
//
// With --password it asks for one, of the user neo4j.
// Ends on SIGTERM and Ctrl-C. With --until-eof it ends when its standard input does: then it outlives nobody who
// started it, however that one died. With --temporary it takes its folder with it; with both, only when its input ended,
// so that it can be stopped and started again.
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.neo4j.configuration.GraphDatabaseSettings;
import org.neo4j.configuration.connectors.BoltConnector;
import org.neo4j.configuration.helpers.SocketAddress;
import org.neo4j.configuration.ssl.SslPolicyConfig;
import org.neo4j.configuration.ssl.SslPolicyScope;
import org.neo4j.dbms.api.DatabaseManagementService;
import org.neo4j.dbms.api.DatabaseManagementServiceBuilder;

public class Start {
    /** The standard input has ended. */
    private static volatile boolean ended;

    public static void main(String[] given) throws Exception {
        List<String> words = new ArrayList<>(List.of(given));
        boolean untilEof = words.remove("--until-eof");
        boolean temporary = words.remove("--temporary");
        boolean readOnly = words.remove("--read-only");
        int tlsAt = words.indexOf("--tls");
        Path tls = tlsAt < 0 ? null : Path.of(words.get(tlsAt + 1));
        if (tls != null) {
            words.subList(tlsAt, tlsAt + 2).clear();
        }
        int passwordAt = words.indexOf("--password");
        String password = passwordAt < 0 ? null : words.get(passwordAt + 1);
        if (password != null) {
            words.subList(passwordAt, passwordAt + 2).clear();
        }
        Path folder = Path.of(words.get(0)).toAbsolutePath();
        int port = Integer.parseInt(words.get(1));

        var builder = new DatabaseManagementServiceBuilder(folder)
                .setConfig(BoltConnector.enabled, true)
                .setConfig(BoltConnector.listen_address, new SocketAddress("127.0.0.1", port))
                .setConfig(GraphDatabaseSettings.auth_enabled, password != null)
                .setConfig(GraphDatabaseSettings.pagecache_memory, 128L << 20)
                .setConfig(GraphDatabaseSettings.preallocate_logical_logs, false)
                .setConfig(GraphDatabaseSettings.read_only_database_default, readOnly);
        if (tls != null) {
            SslPolicyConfig policy = SslPolicyConfig.forScope(SslPolicyScope.BOLT);
            builder.setConfig(policy.enabled, true)
                    .setConfig(policy.base_directory, tls.toAbsolutePath())
                    .setConfig(policy.private_key, Path.of("key.pem"))
                    .setConfig(policy.public_certificate, Path.of("cert.pem"))
                    .setConfig(policy.trust_all, true)
                    .setConfig(BoltConnector.encryption_level, BoltConnector.EncryptionLevel.REQUIRED);
        }
        DatabaseManagementService service = builder.build();
        if (password != null) {
            service.database("system").executeTransactionally(
                    "ALTER USER neo4j SET PASSWORD $word CHANGE NOT REQUIRED", Map.of("word", password));
        }
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            service.shutdown();
            if (temporary && (ended || !untilEof)) {
                delete(folder);
            }
        }));
        System.out.println("bolt://127.0.0.1:" + port);
        if (untilEof) {
            while (System.in.read() >= 0) {}
            ended = true;
            System.exit(0);
        }
        Thread.currentThread().join();
    }

    private static void delete(Path folder) {
        try (var files = Files.walk(folder)) {
            files.sorted(Comparator.reverseOrder()).forEach(file -> {
                try {
                    Files.deleteIfExists(file);
                } catch (IOException error) {
                    throw new UncheckedIOException(error);
                }
            });
        } catch (IOException error) {
            System.err.println("neo4j: " + folder + " is left behind: " + error);
        }
    }
}
