import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.RetryNTimes;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.ZooKeeper;

/** What a check works with: a path of its own, clients that are closed at its end, and the few assertions. */
final class Bench {
    static final int WAIT_SECONDS = 20;
    static final int SESSION_MS = 4000;
    final String path;
    private final int port;
    private final Deque<AutoCloseable> open = new ArrayDeque<>();

    Bench(int port, String path) {
        this.port = port;
        this.path = path;
    }

    /** A builder with the settings of all clients here. */
    CuratorFrameworkFactory.Builder builder() {
        return builder(port);
    }

    CuratorFrameworkFactory.Builder builder(int toPort) {
        return CuratorFrameworkFactory.builder()
                .connectString("127.0.0.1:" + toPort)
                .sessionTimeoutMs(SESSION_MS)
                .connectionTimeoutMs(WAIT_SECONDS * 1000)
                .retryPolicy(new RetryNTimes(20, 100));
    }

    /** A client that is connected. */
    CuratorFramework client() throws Exception {
        return started(builder().build());
    }

    /** Waits until listeners are told, too: one that comes later is not told of the first connection any more (discovery would register anew). */
    CuratorFramework started(CuratorFramework client) throws Exception {
        BlockingQueue<ConnectionState> states = states(client);
        closing(client).start();
        until(states, ConnectionState.CONNECTED);
        return client;
    }

    /** A connection that can be cut. */
    Wire wire() throws Exception {
        return closing(new Wire(port));
    }

    /** Closes this at the end of the check. */
    <T extends AutoCloseable> T closing(T resource) {
        open.push(resource);
        return resource;
    }

    void close() {
        while (!open.isEmpty()) {
            try {
                open.pop().close();
            } catch (Exception closedBefore) {
                // A check may have closed it itself.
            }
        }
    }

    /** Ends a client's session at the server, by closing it from a second connection, and waits until the client has another. */
    void endSession(CuratorFramework client) throws Exception {
        ZooKeeper ours = client.getZookeeperClient().getZooKeeper();
        long session = ours.getSessionId();
        BlockingQueue<ConnectionState> states = states(client);
        CountDownLatch connected = new CountDownLatch(1);
        Watcher watcher = event -> {
            if (event.getState() == Watcher.Event.KeeperState.SyncConnected) {
                connected.countDown();
            }
        };
        ZooKeeper twin = new ZooKeeper("127.0.0.1:" + port, SESSION_MS, watcher, session, ours.getSessionPasswd());
        done(connected, "the session moved to a second connection");
        twin.close();
        until(states, ConnectionState.RECONNECTED);
        yes(client.getZookeeperClient().getZooKeeper().getSessionId() != session, "a new session");
    }

    /** The states that a client gets into from here on. */
    static BlockingQueue<ConnectionState> states(CuratorFramework client) {
        BlockingQueue<ConnectionState> states = new LinkedBlockingQueue<>();
        client.getConnectionStateListenable().addListener((source, state) -> states.add(state));
        return states;
    }

    /** Waits until a queue gives a value; others are dropped. */
    static <T> void until(BlockingQueue<T> queue, T wanted) throws Exception {
        Deque<T> seen = new ArrayDeque<>();
        while (true) {
            T next = queue.poll(WAIT_SECONDS, TimeUnit.SECONDS);
            if (next == null) {
                throw new AssertionError("waited for " + wanted + ", but saw " + seen);
            }
            if (next.equals(wanted)) {
                return;
            }
            seen.add(next);
        }
    }

    /** The next value of a queue. */
    static <T> T next(BlockingQueue<T> queue) throws Exception {
        T next = queue.poll(WAIT_SECONDS, TimeUnit.SECONDS);
        yes(next != null, "something came");
        return next;
    }

    static void done(CountDownLatch latch, String what) throws Exception {
        yes(latch.await(WAIT_SECONDS, TimeUnit.SECONDS), what);
    }

    static void yes(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError("not so: " + what);
        }
    }

    static void same(Object wanted, Object got) {
        if (!Objects.equals(wanted, got)) {
            throw new AssertionError("wanted " + wanted + ", got " + got);
        }
    }

    static void same(byte[] wanted, byte[] got) {
        if (!Arrays.equals(wanted, got)) {
            throw new AssertionError("wanted " + Arrays.toString(wanted) + ", got " + Arrays.toString(got));
        }
    }

    interface Action {
        void run() throws Exception;
    }

    /** Wants an action to fail in a given way; gives the failure. */
    static <T extends Throwable> T fails(Class<T> how, Action action) {
        try {
            action.run();
        } catch (Throwable thrown) {
            if (how.isInstance(thrown)) {
                return how.cast(thrown);
            }
            throw new AssertionError("wanted " + how + ", got " + thrown, thrown);
        }
        throw new AssertionError("wanted " + how + ", but nothing failed");
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static String text(byte[] bytes) {
        return bytes == null ? null : new String(bytes, StandardCharsets.UTF_8);
    }

    /** Waits until a node is gone. */
    static void gone(CuratorFramework client, String path) throws Exception {
        CountDownLatch latch = new CountDownLatch(1);
        Watcher watcher = event -> {
            if (event.getType() == Watcher.Event.EventType.NodeDeleted) {
                latch.countDown();
            }
        };
        if (client.checkExists().usingWatcher(watcher).forPath(path) != null) {
            done(latch, path + " is gone");
        }
    }

    /** Waits until a node is there. */
    static void there(CuratorFramework client, String path) throws Exception {
        CountDownLatch latch = new CountDownLatch(1);
        Watcher watcher = event -> {
            if (event.getType() == Watcher.Event.EventType.NodeCreated) {
                latch.countDown();
            }
        };
        if (client.checkExists().usingWatcher(watcher).forPath(path) == null) {
            done(latch, path + " is there");
        }
    }

    /** Waits until a node has this many children. */
    static void children(CuratorFramework client, String path, int count) throws Exception {
        while (true) {
            CountDownLatch latch = new CountDownLatch(1);
            Watcher watcher = event -> latch.countDown();
            if (client.getChildren().usingWatcher(watcher).forPath(path).size() == count) {
                return;
            }
            done(latch, path + " has " + count + " children");
        }
    }
}
