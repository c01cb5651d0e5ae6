import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/**
 * Uses every Curator recipe that a standalone server can carry. Arguments: port of the server, then names of checks, all without any.
 * Prints a line a check, OK or FAILED with its name; the exit status is 1 where one failed.
 */
public final class Recipes {
    interface Check {
        void run(Bench bench) throws Exception;
    }

    private static final int CHECK_SECONDS = 60;
    private static final Map<String, Check> CHECKS = new LinkedHashMap<>();

    static void add(String name, Check check) {
        if (CHECKS.put(name, check) != null) {
            throw new IllegalStateException(name);
        }
    }

    public static void main(String[] arguments) throws Exception {
        int port = Integer.parseInt(arguments[0]);
        Framework.add();
        Reconnecting.add();
        Locks.add();
        Leaders.add();
        Nodes.add();
        Caches.add();
        Values.add();
        Queues.add();
        Discovery.add();
        Async.add();
        List<String> names = new ArrayList<>(CHECKS.keySet());
        if (arguments.length > 1) {
            names.retainAll(List.of(arguments));
        }
        int failed = 0;
        ExecutorService runner = Executors.newCachedThreadPool();
        for (String name : names) {
            long start = System.nanoTime();
            Throwable error = null;
            Bench bench = new Bench(port, "/" + name);
            Future<Void> running = runner.submit(() -> {
                CHECKS.get(name).run(bench);
                return null;
            });
            try {
                running.get(CHECK_SECONDS, TimeUnit.SECONDS);
            } catch (Throwable thrown) {
                error = thrown;
                running.cancel(true);
            }
            bench.close();
            System.out.printf("%s %s (%d ms)%n", error == null ? "OK" : "FAILED", name, (System.nanoTime() - start) / 1000000);
            if (error != null) {
                failed++;
                error.printStackTrace(System.out);
            }
        }
        System.exit(failed == 0 ? 0 : 1);
    }
}
