import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.api.CuratorEvent;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.cache.CuratorCacheListener;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.watch.PersistentWatcher;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.framework.state.ConnectionStateListenerManagerFactory;
import org.apache.curator.framework.state.SessionConnectionStateErrorPolicy;
import org.apache.curator.retry.BoundedExponentialBackoffRetry;
import org.apache.curator.retry.ExponentialBackoffRetry;
import org.apache.curator.retry.RetryForever;
import org.apache.curator.retry.RetryNTimes;
import org.apache.curator.retry.RetryOneTime;
import org.apache.curator.retry.RetryUntilElapsed;
import org.apache.curator.RetryPolicy;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.data.Stat;

/** What a client does about lost connections, lost replies and lost sessions. */
final class Reconnecting {
    static void add() {
        Recipes.add("connection_state", Reconnecting::connectionState);
        Recipes.add("session_lost", Reconnecting::sessionLost);
        Recipes.add("session_ended", Reconnecting::sessionEnded);
        Recipes.add("circuit_breaker", Reconnecting::circuitBreaker);
        Recipes.add("retry_policies", Reconnecting::retryPolicies);
        Recipes.add("background_retry", Reconnecting::backgroundRetry);
        Recipes.add("protection", Reconnecting::protection);
        Recipes.add("idempotent_retry", Reconnecting::idempotentRetry);
        Recipes.add("guaranteed_delete", Reconnecting::guaranteedDelete);
        Recipes.add("set_watches", Reconnecting::setWatches);
        Recipes.add("persistent_watcher", Reconnecting::persistentWatcher);
        Recipes.add("cache_catches_up", Reconnecting::cacheCatchesUp);
        Recipes.add("latch_error_policy", Reconnecting::latchErrorPolicy);
    }

    private static CuratorFramework over(Bench bench, Wire wire) throws Exception {
        return bench.started(bench.builder(wire.port).retryPolicy(new RetryNTimes(100, 100)).build());
    }

    private static void breakAndMend(CuratorFramework client, Wire wire) throws Exception {
        BlockingQueue<ConnectionState> states = Bench.states(client);
        wire.cut();
        Bench.until(states, ConnectionState.SUSPENDED);
        wire.mend();
        Bench.until(states, ConnectionState.RECONNECTED);
    }

    private static void connectionState(Bench bench) throws Exception {
        Wire wire = bench.wire();
        CuratorFramework client = bench.closing(bench.builder(wire.port).build());
        BlockingQueue<ConnectionState> states = Bench.states(client);
        client.start();
        Bench.same(ConnectionState.CONNECTED, Bench.next(states));
        long session = client.getZookeeperClient().getZooKeeper().getSessionId();
        wire.cut();
        Bench.same(ConnectionState.SUSPENDED, Bench.next(states));
        wire.mend();
        Bench.same(ConnectionState.RECONNECTED, Bench.next(states));
        Bench.same(session, client.getZookeeperClient().getZooKeeper().getSessionId());
    }

    private static void sessionLost(Bench bench) throws Exception {
        Wire wire = bench.wire();
        CuratorFramework client = over(bench, wire);
        client.create().withMode(CreateMode.EPHEMERAL).forPath(bench.path);
        BlockingQueue<ConnectionState> states = Bench.states(client);
        wire.cut();
        Bench.until(states, ConnectionState.SUSPENDED);
        Bench.same(ConnectionState.LOST, Bench.next(states));
        Bench.gone(bench.client(), bench.path);
        wire.mend();
        Bench.same(ConnectionState.RECONNECTED, Bench.next(states));
    }

    private static void sessionEnded(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        client.create().withMode(CreateMode.EPHEMERAL).forPath(bench.path);
        bench.endSession(client);
        Bench.same(null, client.checkExists().forPath(bench.path));
    }

    private static void circuitBreaker(Bench bench) throws Exception {
        Wire wire = bench.wire();
        RetryPolicy policy = new RetryNTimes(5, 4000);
        CuratorFramework client = bench.started(
                bench.builder(wire.port).connectionStateListenerManagerFactory(ConnectionStateListenerManagerFactory.circuitBreaking(policy)).build());
        BlockingQueue<ConnectionState> states = Bench.states(client);
        BlockingQueue<Watcher.Event.KeeperState> raw = new LinkedBlockingQueue<>();
        client.checkExists().usingWatcher((Watcher) event -> raw.add(event.getState())).forPath(bench.path);
        for (int round = 0; round < 2; round++) {
            wire.cut();
            Bench.until(raw, Watcher.Event.KeeperState.Disconnected);
            wire.mend();
            Bench.until(raw, Watcher.Event.KeeperState.SyncConnected);
        }
        Bench.until(states, ConnectionState.SUSPENDED);
        Bench.same(ConnectionState.RECONNECTED, Bench.next(states));
    }

    private static void retryPolicies(Bench bench) throws Exception {
        bench.client().create().forPath(bench.path, Bench.bytes("x"));
        for (RetryPolicy policy : List.of(new ExponentialBackoffRetry(100, 8), new BoundedExponentialBackoffRetry(100, 500, 20),
                new RetryOneTime(3000), new RetryUntilElapsed(10000, 100), new RetryForever(100))) {
            Wire wire = bench.wire();
            CuratorFramework client = bench.started(bench.builder(wire.port).retryPolicy(policy).build());
            wire.loseNextReply();
            Bench.same("x", Bench.text(client.getData().forPath(bench.path)));
            client.close();
        }
    }

    private static void backgroundRetry(Bench bench) throws Exception {
        Wire wire = bench.wire();
        CuratorFramework client = over(bench, wire);
        BlockingQueue<ConnectionState> states = Bench.states(client);
        BlockingQueue<CuratorEvent> events = new LinkedBlockingQueue<>();
        wire.cut();
        Bench.until(states, ConnectionState.SUSPENDED);
        client.create().inBackground((source, event) -> events.add(event)).forPath(bench.path);
        wire.mend();
        Bench.same(0, Bench.next(events).getResultCode());
    }

    private static void protection(Bench bench) throws Exception {
        Wire wire = bench.wire();
        CuratorFramework client = over(bench, wire);
        client.create().forPath(bench.path);
        wire.loseNextReply();
        String path = client.create().withProtection().withMode(CreateMode.EPHEMERAL_SEQUENTIAL).forPath(bench.path + "/n-");
        Bench.same(List.of(path.substring(bench.path.length() + 1)), client.getChildren().forPath(bench.path));
        Bench.yes(path.matches(bench.path + "/_c_[0-9a-f-]{36}-n-\\d{10}"), path);
    }

    private static void idempotentRetry(Bench bench) throws Exception {
        Wire wire = bench.wire();
        CuratorFramework client = over(bench, wire);
        wire.loseNextReply();
        client.create().idempotent().forPath(bench.path, Bench.bytes("one"));
        wire.loseNextReply();
        client.setData().idempotent().withVersion(0).forPath(bench.path, Bench.bytes("two"));
        Bench.same(1, client.checkExists().forPath(bench.path).getVersion());
        wire.loseNextReply();
        client.delete().idempotent().forPath(bench.path);
        Bench.same(null, client.checkExists().forPath(bench.path));
    }

    private static void guaranteedDelete(Bench bench) throws Exception {
        Wire wire = bench.wire();
        CuratorFramework client = bench.started(bench.builder(wire.port).connectionTimeoutMs(500).retryPolicy(new RetryOneTime(1)).build());
        CuratorFramework other = bench.client();
        client.create().forPath(bench.path);
        BlockingQueue<ConnectionState> states = Bench.states(client);
        wire.cut();
        Bench.until(states, ConnectionState.SUSPENDED);
        Bench.fails(KeeperException.ConnectionLossException.class, () -> client.delete().guaranteed().forPath(bench.path));
        Bench.yes(other.checkExists().forPath(bench.path) != null, "not deleted yet");
        wire.mend();
        Bench.gone(other, bench.path);
    }

    private static void setWatches(Bench bench) throws Exception {
        Wire wire = bench.wire();
        CuratorFramework client = over(bench, wire);
        CuratorFramework other = bench.client();
        other.create().creatingParentsIfNeeded().forPath(bench.path + "/changed");
        other.create().forPath(bench.path + "/later");
        BlockingQueue<String> events = new LinkedBlockingQueue<>();
        Watcher watcher = event -> {
            if (event.getType() != Watcher.Event.EventType.None) {
                events.add(event.getType() + " " + event.getPath().substring(bench.path.length()));
            }
        };
        client.getData().usingWatcher(watcher).forPath(bench.path + "/changed");
        client.getData().usingWatcher(watcher).forPath(bench.path + "/later");
        client.checkExists().usingWatcher(watcher).forPath(bench.path + "/made");
        BlockingQueue<ConnectionState> states = Bench.states(client);
        wire.cut();
        Bench.until(states, ConnectionState.SUSPENDED);
        other.setData().forPath(bench.path + "/changed");
        wire.mend();
        Bench.until(states, ConnectionState.RECONNECTED);
        Bench.same("NodeDataChanged /changed", Bench.next(events));
        other.create().forPath(bench.path + "/made");
        Bench.same("NodeCreated /made", Bench.next(events));
        other.delete().forPath(bench.path + "/later");
        Bench.same("NodeDeleted /later", Bench.next(events));
    }

    private static void persistentWatcher(Bench bench) throws Exception {
        Wire wire = bench.wire();
        CuratorFramework client = over(bench, wire);
        CuratorFramework other = bench.client();
        PersistentWatcher watcher = bench.closing(new PersistentWatcher(client, bench.path, true));
        BlockingQueue<String> events = new LinkedBlockingQueue<>();
        CountDownLatch[] resets = {new CountDownLatch(1), new CountDownLatch(2)};
        watcher.getListenable().addListener(event -> {
            if (event.getType() != Watcher.Event.EventType.None) {
                events.add(event.getType() + " " + event.getPath());
            }
        });
        watcher.getResetListenable().addListener(() -> {
            resets[0].countDown();
            resets[1].countDown();
        });
        watcher.start();
        Bench.done(resets[0], "watching");
        other.create().creatingParentsIfNeeded().forPath(bench.path + "/a");
        Bench.same("NodeCreated " + bench.path, Bench.next(events));
        Bench.same("NodeCreated " + bench.path + "/a", Bench.next(events));
        breakAndMend(client, wire);
        Bench.done(resets[1], "watching again");
        other.setData().forPath(bench.path + "/a");
        Bench.until(events, "NodeDataChanged " + bench.path + "/a");
    }

    private static void cacheCatchesUp(Bench bench) throws Exception {
        Wire wire = bench.wire();
        CuratorFramework client = over(bench, wire);
        CuratorFramework other = bench.client();
        other.create().creatingParentsIfNeeded().forPath(bench.path + "/old");
        CuratorCache cache = bench.closing(CuratorCache.build(client, bench.path));
        CountDownLatch ready = new CountDownLatch(1);
        BlockingQueue<String> events = new LinkedBlockingQueue<>();
        cache.listenable().addListener(CuratorCacheListener.builder().forInitialized(ready::countDown).build());
        cache.listenable().addListener(CuratorCacheListener.builder()
                .forCreates(node -> events.add("+" + node.getPath())).forDeletes(node -> events.add("-" + node.getPath())).build());
        cache.start();
        Bench.done(ready, "filled");
        BlockingQueue<ConnectionState> states = Bench.states(client);
        wire.cut();
        Bench.until(states, ConnectionState.SUSPENDED);
        other.create().forPath(bench.path + "/new");
        other.delete().forPath(bench.path + "/old");
        wire.mend();
        while (cache.get(bench.path + "/new").isEmpty() || cache.get(bench.path + "/old").isPresent()) {
            Bench.next(events);
        }
    }

    private static void latchErrorPolicy(Bench bench) throws Exception {
        Wire wire = bench.wire();
        CuratorFramework client = bench.started(
                bench.builder(wire.port).connectionStateErrorPolicy(new SessionConnectionStateErrorPolicy()).sessionTimeoutMs(10000).build());
        LeaderLatch patient = bench.closing(new LeaderLatch(client, bench.path));
        patient.start();
        patient.await();
        breakAndMend(client, wire);
        Bench.yes(patient.hasLeadership(), "a short break costs no leadership under this policy");
        Stat stat = client.checkExists().forPath(patient.getOurPath());
        Bench.same(client.getZookeeperClient().getZooKeeper().getSessionId(), stat.getEphemeralOwner());
    }
}
