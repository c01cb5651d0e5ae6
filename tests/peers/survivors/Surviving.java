import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.cache.ChildData;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.cache.NodeCache;
import org.apache.curator.framework.recipes.cache.TreeCache;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreMutex;
import org.apache.curator.retry.RetryNTimes;
import org.apache.zookeeper.data.Stat;

/**
 * Holds a lock, leads and keeps caches with Curator, while the servers of its ensemble come and go. Argument: connection string. Takes a line for each
 * thing to do from its standard input, the words divided by spaces, and answers each with a line.
 */
public final class Surviving {
    private static final int WAIT_SECONDS = 30;
    private static final int SESSION_MS = 10000;

    private final CuratorFramework client;
    private final List<String> states = new CopyOnWriteArrayList<>();
    private final Map<String, InterProcessSemaphoreMutex> locks = new HashMap<>();
    private final Map<String, LeaderLatch> latches = new HashMap<>();
    private final Map<String, Supplier<Map<String, ChildData>>> caches = new HashMap<>();
    private final ExecutorService counting = Executors.newSingleThreadExecutor();
    private Future<String> counted;

    private Surviving(String servers) {
        client = CuratorFrameworkFactory.newClient(servers, SESSION_MS, WAIT_SECONDS * 1000, new RetryNTimes(300, 100));
        client.getConnectionStateListenable().addListener((connection, state) -> states.add(state.name()));
        client.start();
    }

    private String lock(String[] words) throws Exception {
        InterProcessSemaphoreMutex lock = locks.computeIfAbsent(words[2], path -> new InterProcessSemaphoreMutex(client, path));
        if (words[1].equals("acquire")) {
            return String.valueOf(lock.acquire((long) (1000 * Double.parseDouble(words[3])), TimeUnit.MILLISECONDS));
        }
        lock.release();
        return "released";
    }

    private String latch(String[] words) throws Exception {
        LeaderLatch latch = latches.computeIfAbsent(words[2], path -> new LeaderLatch(client, path));
        switch (words[1]) {
            case "start":
                latch.start();
                return "started";
            case "leads":
                return String.valueOf(latch.await((long) (1000 * Double.parseDouble(words[3])), TimeUnit.MILLISECONDS));
            default:
                latch.close();
                return "closed";
        }
    }

    /** Begins to keep a cache: of a node, with watches that fire once; of a tree with such watches; or of a tree with a watch that stays. */
    private Supplier<Map<String, ChildData>> start(String kind, String path) throws Exception {
        switch (kind) {
            case "node":
                NodeCache node = new NodeCache(client, path);
                node.start();
                return () -> node.getCurrentData() == null ? Map.of() : Map.of(path, node.getCurrentData());
            case "tree":
                TreeCache tree = TreeCache.newBuilder(client, path).build();
                tree.start();
                return () -> {
                    Map<String, ChildData> found = new HashMap<>();
                    collect(tree, path, found);
                    return found;
                };
            default:
                CuratorCache cache = CuratorCache.build(client, path);
                cache.start();
                return () -> cache.stream().collect(Collectors.toMap(ChildData::getPath, each -> each));
        }
    }

    private static void collect(TreeCache tree, String path, Map<String, ChildData> found) {
        ChildData top = tree.getCurrentData(path);
        if (top != null) {
            found.put(path, top);
            tree.getCurrentChildren(path).keySet().forEach(name -> collect(tree, path + "/" + name, found));
        }
    }

    private String cache(String[] words) throws Exception {
        String name = words[0] + words[2];
        if (words[1].equals("start")) {
            caches.put(name, start(words[0], words[2]));
            return "started";
        }
        Map<String, String> found = new TreeMap<>();
        for (int tries = 0; tries < WAIT_SECONDS * 100 && !text(found).equals(words[3]); tries++) {
            Thread.sleep(tries == 0 ? 0 : 10);
            found.clear();
            caches.get(name).get().forEach((path, each) -> found.put(path, new String(each.getData(), StandardCharsets.UTF_8)));
        }
        return text(found);
    }

    private static String text(Map<String, String> found) {
        return found.toString().replace(" ", "");
    }

    /** One up, so many times, each below the lock; a write whose answer is lost is looked for. Gives what went wrong, or the last value. */
    private String count(String path, int times, String name) throws Exception {
        InterProcessSemaphoreMutex lock = new InterProcessSemaphoreMutex(client, path + "-lock");
        String last = "";
        for (int time = 0; time < times; time++) {
            lock.acquire();
            Stat stat = new Stat();
            int before = Integer.parseInt(new String(client.getData().storingStatIn(stat).forPath(path), StandardCharsets.UTF_8).split("-")[0]);
            last = (before + 1) + "-" + name;
            client.setData().idempotent().withVersion(stat.getVersion()).forPath(path, last.getBytes(StandardCharsets.UTF_8));
            lock.release();
        }
        return last;
    }

    private String act(String[] words) throws Exception {
        switch (words[0]) {
            case "lock":
                return lock(words);
            case "latch":
                return latch(words);
            case "cache":
            case "node":
            case "tree":
                return cache(words);
            case "count":
                counted = counting.submit(() -> count(words[1], Integer.parseInt(words[2]), words[3]));
                return "counting";
            case "counted":
                return counted.get(WAIT_SECONDS, TimeUnit.SECONDS);
            case "put":
                client.create().orSetData().creatingParentsIfNeeded().forPath(words[1], words[2].getBytes(StandardCharsets.UTF_8));
                return "put";
            case "get":
                client.sync().forPath(words[1]);
                return new String(client.getData().forPath(words[1]), StandardCharsets.UTF_8);
            default:
                return String.join(" ", states);
        }
    }

    public static void main(String[] arguments) throws Exception {
        Surviving surviving = new Surviving(arguments[0]);
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String answer;
            try {
                answer = surviving.act(line.split(" "));
            } catch (Exception error) {
                answer = "failed: " + error;
            }
            System.out.println(answer);
        }
        surviving.counting.shutdownNow();
        surviving.client.close();
    }
}
