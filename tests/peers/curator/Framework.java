import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.curator.drivers.TracerDriver;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorTempFramework;
import org.apache.curator.framework.WatcherRemoveCuratorFramework;
import org.apache.curator.framework.api.ACLProvider;
import org.apache.curator.framework.api.CuratorEvent;
import org.apache.curator.framework.api.transaction.CuratorOp;
import org.apache.curator.framework.api.transaction.CuratorTransactionResult;
import org.apache.curator.framework.api.transaction.OperationType;
import org.apache.curator.framework.schema.Schema;
import org.apache.curator.framework.schema.SchemaSet;
import org.apache.curator.framework.schema.SchemaViolation;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.OpResult;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.ZooDefs;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Stat;

/** Curator's framework without its recipes. */
final class Framework {
    static void add() {
        Recipes.add("create_get_set_delete", Framework::nodes);
        Recipes.add("recursive", Framework::recursive);
        Recipes.add("quiet_and_or_set", Framework::quiet);
        Recipes.add("idempotent", Framework::idempotent);
        Recipes.add("background", Framework::background);
        Recipes.add("transaction", Framework::transaction);
        Recipes.add("old_transaction", Framework::oldTransaction);
        Recipes.add("multi_read", Framework::multiRead);
        Recipes.add("namespace", Framework::namespace);
        Recipes.add("containers", Framework::containers);
        Recipes.add("ttl", Framework::ttl);
        Recipes.add("watches", Framework::watches);
        Recipes.add("persistent_watches", Framework::persistentWatches);
        Recipes.add("remove_watches", Framework::removeWatches);
        Recipes.add("watcher_removal", Framework::watcherRemoval);
        Recipes.add("schema", Framework::schema);
        Recipes.add("compression", Framework::compression);
        Recipes.add("acl_provider", Framework::aclProvider);
        Recipes.add("temp_client", Framework::tempClient);
        Recipes.add("ensemble_tracker", Framework::ensembleTracker);
        Recipes.add("reconfig_refused", Framework::reconfig);
        Recipes.add("sync", Framework::sync);
        Recipes.add("tracer", Framework::tracer);
        Recipes.add("raw_extras", Framework::rawExtras);
    }

    private static void nodes(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        Bench.same(bench.path, client.create().forPath(bench.path, Bench.bytes("one")));
        Stat stat = new Stat();
        Bench.same("one", Bench.text(client.getData().storingStatIn(stat).forPath(bench.path)));
        Bench.same(0, stat.getVersion());
        Bench.same(1, client.setData().withVersion(0).forPath(bench.path, Bench.bytes("two")).getVersion());
        Bench.fails(KeeperException.BadVersionException.class, () -> client.setData().withVersion(0).forPath(bench.path, new byte[0]));
        Bench.fails(KeeperException.NodeExistsException.class, () -> client.create().forPath(bench.path));
        Stat made = new Stat();
        String path = client.create().storingStatIn(made).withMode(CreateMode.EPHEMERAL_SEQUENTIAL).forPath(bench.path + "/s-");
        Bench.same(bench.path + "/s-0000000000", path);
        Bench.same(client.getZookeeperClient().getZooKeeper().getSessionId(), made.getEphemeralOwner());
        Bench.fails(KeeperException.NoChildrenForEphemeralsException.class, () -> client.create().forPath(path + "/child"));
        Bench.fails(KeeperException.NotEmptyException.class, () -> client.delete().forPath(bench.path));
        client.delete().forPath(path);
        client.delete().withVersion(1).forPath(bench.path);
        Bench.fails(KeeperException.NoNodeException.class, () -> client.getData().forPath(bench.path));
        Bench.same(null, client.checkExists().forPath(bench.path));
    }

    private static void recursive(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        client.create().creatingParentsIfNeeded().forPath(bench.path + "/a/b/c");
        client.create().creatingParentContainersIfNeeded().forPath(bench.path + "/d/e/f");
        Bench.same(Set.of("a", "d"), new HashSet<>(client.getChildren().forPath(bench.path)));
        client.checkExists().creatingParentsIfNeeded().forPath(bench.path + "/g/h");
        Bench.yes(client.checkExists().forPath(bench.path + "/g") != null, "the parent of a node that is looked for");
        client.delete().forPath(bench.path + "/d/e/f");
        Bench.gone(client, bench.path + "/d");
        client.delete().deletingChildrenIfNeeded().forPath(bench.path);
        Bench.same(null, client.checkExists().forPath(bench.path));
    }

    private static void quiet(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        client.delete().quietly().forPath(bench.path);
        client.create().orSetData().forPath(bench.path, Bench.bytes("one"));
        client.create().orSetData().forPath(bench.path, Bench.bytes("two"));
        Bench.same("two", Bench.text(client.getData().forPath(bench.path)));
        Bench.fails(KeeperException.BadVersionException.class, () -> client.create().orSetData(7).forPath(bench.path, new byte[0]));
    }

    private static void idempotent(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        client.create().idempotent().forPath(bench.path, Bench.bytes("one"));
        client.create().idempotent().forPath(bench.path, Bench.bytes("one"));
        Bench.fails(KeeperException.NodeExistsException.class, () -> client.create().idempotent().forPath(bench.path, Bench.bytes("other")));
        client.setData().idempotent().withVersion(0).forPath(bench.path, Bench.bytes("two"));
        client.setData().idempotent().withVersion(0).forPath(bench.path, Bench.bytes("two"));
        Bench.fails(KeeperException.BadVersionException.class,
                () -> client.setData().idempotent().withVersion(0).forPath(bench.path, Bench.bytes("other")));
        client.delete().idempotent().forPath(bench.path);
        client.delete().idempotent().forPath(bench.path);
    }

    private static void background(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        BlockingQueue<CuratorEvent> events = new LinkedBlockingQueue<>();
        client.create().inBackground((source, event) -> events.add(event), "context").forPath(bench.path, Bench.bytes("x"));
        CuratorEvent created = Bench.next(events);
        Bench.same(0, created.getResultCode());
        Bench.same("context", created.getContext());
        Bench.same(bench.path, created.getName());
        client.getData().inBackground((source, event) -> events.add(event)).forPath(bench.path);
        Bench.same("x", Bench.text(Bench.next(events).getData()));
        client.getChildren().inBackground((source, event) -> events.add(event)).forPath(bench.path + "/none");
        Bench.same(KeeperException.Code.NONODE.intValue(), Bench.next(events).getResultCode());
        client.getCuratorListenable().addListener((source, event) -> events.add(event));
        client.delete().inBackground().forPath(bench.path);
        Bench.same(0, Bench.next(events).getResultCode());
    }

    private static void transaction(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        CuratorOp make = client.transactionOp().create().withMode(CreateMode.PERSISTENT).forPath(bench.path, Bench.bytes("one"));
        CuratorOp child = client.transactionOp().create().withMode(CreateMode.PERSISTENT_SEQUENTIAL).forPath(bench.path + "/n-");
        CuratorOp container = client.transactionOp().create().withMode(CreateMode.CONTAINER).forPath(bench.path + "/c");
        CuratorOp ttl = client.transactionOp().create().withTtl(60000).withMode(CreateMode.PERSISTENT_WITH_TTL).forPath(bench.path + "/t");
        CuratorOp set = client.transactionOp().setData().withVersion(0).forPath(bench.path, Bench.bytes("two"));
        CuratorOp check = client.transactionOp().check().withVersion(1).forPath(bench.path);
        CuratorOp drop = client.transactionOp().delete().forPath(bench.path + "/c");
        List<CuratorTransactionResult> results = client.transaction().forOperations(make, child, container, ttl, set, check, drop);
        Bench.same(bench.path, results.get(0).getResultPath());
        Bench.same(bench.path + "/n-0000000000", results.get(1).getResultPath());
        Bench.same(OperationType.SET_DATA, results.get(4).getType());
        Bench.same(1, results.get(4).getResultStat().getVersion());
        CuratorOp wrong = client.transactionOp().check().withVersion(9).forPath(bench.path);
        CuratorOp never = client.transactionOp().delete().forPath(bench.path + "/t");
        KeeperException failure = Bench.fails(KeeperException.BadVersionException.class,
                () -> client.transaction().forOperations(client.transactionOp().setData().forPath(bench.path), wrong, never));
        List<Integer> codes = new ArrayList<>();
        for (OpResult result : failure.getResults()) {
            codes.add(((OpResult.ErrorResult) result).getErr());
        }
        Bench.same(List.of(0, KeeperException.Code.BADVERSION.intValue(), KeeperException.Code.RUNTIMEINCONSISTENCY.intValue()), codes);
        Bench.same(1, client.checkExists().forPath(bench.path).getVersion());
    }

    @SuppressWarnings("deprecation")
    private static void oldTransaction(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        client.inTransaction().create().forPath(bench.path, Bench.bytes("a")).and().setData().forPath(bench.path, Bench.bytes("b")).and().commit();
        Bench.same("b", Bench.text(client.getData().forPath(bench.path)));
    }

    private static void multiRead(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        client.create().creatingParentsIfNeeded().forPath(bench.path + "/child", Bench.bytes("x"));
        List<OpResult> results = client.getZookeeperClient().getZooKeeper().multi(
                Arrays.asList(Op.getData(bench.path + "/child"), Op.getChildren(bench.path), Op.getData(bench.path + "/none")));
        Bench.same("x", Bench.text(((OpResult.GetDataResult) results.get(0)).getData()));
        Bench.same(List.of("child"), ((OpResult.GetChildrenResult) results.get(1)).getChildren());
        Bench.same(KeeperException.Code.NONODE.intValue(), ((OpResult.ErrorResult) results.get(2)).getErr());
    }

    private static void namespace(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        CuratorFramework inside = client.usingNamespace(bench.path.substring(1));
        BlockingQueue<String> paths = new LinkedBlockingQueue<>();
        Bench.same(null, inside.checkExists().usingWatcher((Watcher) event -> paths.add(event.getPath())).forPath("/a"));
        Bench.same("/a", inside.create().forPath("/a"));
        Bench.same("/a", Bench.next(paths));
        Bench.yes(client.checkExists().forPath(bench.path + "/a") != null, "the node is inside");
        CuratorFramework own = bench.started(bench.builder().namespace(bench.path.substring(1)).build());
        Bench.same(List.of("a"), own.getChildren().forPath("/"));
    }

    private static void containers(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        client.createContainers(bench.path);
        client.create().withMode(CreateMode.CONTAINER).forPath(bench.path + "/inner");
        client.create().forPath(bench.path + "/inner/child");
        client.delete().forPath(bench.path + "/inner/child");
        Bench.gone(client, bench.path + "/inner");
        Bench.gone(client, bench.path);
    }

    private static void ttl(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        client.create().withTtl(300).withMode(CreateMode.PERSISTENT_WITH_TTL).forPath(bench.path);
        String second = client.create().withTtl(300).creatingParentContainersIfNeeded()
                .withMode(CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL).forPath(bench.path + "-s/n-");
        Bench.same(bench.path + "-s/n-0000000000", second);
        Bench.gone(client, bench.path);
        Bench.gone(client, second);
    }

    private static void watches(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        BlockingQueue<String> events = new LinkedBlockingQueue<>();
        Watcher watcher = event -> events.add(event.getType() + " " + event.getPath());
        client.checkExists().usingWatcher(watcher).forPath(bench.path);
        client.create().forPath(bench.path);
        Bench.same("NodeCreated " + bench.path, Bench.next(events));
        client.getData().usingWatcher(watcher).forPath(bench.path);
        client.setData().forPath(bench.path, Bench.bytes("x"));
        Bench.same("NodeDataChanged " + bench.path, Bench.next(events));
        client.getChildren().usingWatcher(watcher).forPath(bench.path);
        client.create().forPath(bench.path + "/child");
        Bench.same("NodeChildrenChanged " + bench.path, Bench.next(events));
        client.getData().usingWatcher(watcher).forPath(bench.path + "/child");
        client.delete().forPath(bench.path + "/child");
        Bench.same("NodeDeleted " + bench.path + "/child", Bench.next(events));
    }

    private static void persistentWatches(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        BlockingQueue<String> one = new LinkedBlockingQueue<>();
        BlockingQueue<String> all = new LinkedBlockingQueue<>();
        Watcher flat = event -> one.add(event.getType() + " " + event.getPath());
        Watcher deep = event -> all.add(event.getType() + " " + event.getPath());
        client.watchers().add().withMode(AddWatchMode.PERSISTENT).usingWatcher(flat).forPath(bench.path);
        client.watchers().add().withMode(AddWatchMode.PERSISTENT_RECURSIVE).usingWatcher(deep).forPath(bench.path);
        client.create().creatingParentsIfNeeded().forPath(bench.path + "/a/b");
        client.setData().forPath(bench.path + "/a/b", new byte[1]);
        client.setData().forPath(bench.path, new byte[1]);
        client.delete().deletingChildrenIfNeeded().forPath(bench.path);
        for (String event : List.of("NodeCreated ", "NodeChildrenChanged ", "NodeDataChanged ", "NodeChildrenChanged ", "NodeDeleted ")) {
            Bench.same(event + bench.path, Bench.next(one));
        }
        for (String event : List.of("NodeCreated ", "NodeCreated /a", "NodeCreated /a/b", "NodeDataChanged /a/b", "NodeDataChanged ",
                "NodeDeleted /a/b", "NodeDeleted /a", "NodeDeleted ")) {
            Bench.same(event.replaceFirst(" ", " " + bench.path), Bench.next(all));
        }
    }

    private static void removeWatches(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        client.create().forPath(bench.path);
        BlockingQueue<String> events = new LinkedBlockingQueue<>();
        Watcher watcher = event -> events.add(event.getType().name());
        client.getData().usingWatcher(watcher).forPath(bench.path);
        client.watchers().remove(watcher).ofType(Watcher.WatcherType.Data).forPath(bench.path);
        Bench.same("DataWatchRemoved", Bench.next(events));
        client.getChildren().usingWatcher(watcher).forPath(bench.path);
        client.watchers().removeAll().ofType(Watcher.WatcherType.Children).forPath(bench.path);
        Bench.same("ChildWatchRemoved", Bench.next(events));
        client.watchers().add().withMode(AddWatchMode.PERSISTENT_RECURSIVE).usingWatcher(watcher).forPath(bench.path);
        client.watchers().removeAll().ofType(Watcher.WatcherType.Any).forPath(bench.path);
        Bench.same("PersistentWatchRemoved", Bench.next(events));
        client.getData().usingWatcher(watcher).forPath(bench.path);
        client.watchers().remove(watcher).locally().forPath(bench.path);
        Bench.same("DataWatchRemoved", Bench.next(events));
        Bench.fails(KeeperException.NoWatcherException.class, () -> client.watchers().remove(watcher).forPath(bench.path));
        CountDownLatch removed = new CountDownLatch(1);
        client.getData().usingWatcher(watcher).forPath(bench.path);
        client.watchers().remove(watcher).guaranteed().inBackground((source, event) -> removed.countDown()).forPath(bench.path);
        Bench.done(removed, "removed in the background");
    }

    private static void watcherRemoval(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        client.create().forPath(bench.path);
        WatcherRemoveCuratorFramework facade = client.newWatcherRemoveCuratorFramework();
        BlockingQueue<String> events = new LinkedBlockingQueue<>();
        facade.getData().usingWatcher((Watcher) event -> events.add(event.getType().name())).forPath(bench.path);
        facade.removeWatchers();
        Bench.same("DataWatchRemoved", Bench.next(events));
    }

    private static void schema(Bench bench) throws Exception {
        Schema schema = Schema.builder(bench.path).name("test").ephemeral(Schema.Allowance.CANNOT).canBeDeleted(false)
                .dataValidator((validated, path, data, acl) -> data.length > 0).build();
        CuratorFramework client = bench.started(bench.builder().schemaSet(new SchemaSet(List.of(schema), true)).build());
        Bench.fails(SchemaViolation.class, () -> client.create().withMode(CreateMode.EPHEMERAL).forPath(bench.path, new byte[1]));
        Bench.fails(SchemaViolation.class, () -> client.create().forPath(bench.path, new byte[0]));
        client.create().forPath(bench.path, new byte[1]);
        Bench.fails(SchemaViolation.class, () -> client.delete().forPath(bench.path));
        Bench.same(bench.path, SchemaSet.getNamedPath(client, "test"));
    }

    private static void compression(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        byte[] data = Bench.bytes("abc".repeat(10000));
        client.create().compressed().forPath(bench.path, data);
        Bench.yes(client.getData().forPath(bench.path).length < 1000, "the server has it compressed");
        Bench.same(data, client.getData().decompressed().forPath(bench.path));
        client.setData().compressed().forPath(bench.path, Bench.bytes("short"));
        CuratorFramework always = bench.started(bench.builder().enableCompression().build());
        Bench.same("short", Bench.text(always.getData().forPath(bench.path)));
    }

    private static void aclProvider(Bench bench) throws Exception {
        ACLProvider provider = new ACLProvider() {
            @Override
            public List<ACL> getDefaultAcl() {
                return ZooDefs.Ids.CREATOR_ALL_ACL;
            }

            @Override
            public List<ACL> getAclForPath(String path) {
                return path.endsWith("/open") ? ZooDefs.Ids.OPEN_ACL_UNSAFE : ZooDefs.Ids.CREATOR_ALL_ACL;
            }
        };
        CuratorFramework owner = bench.started(bench.builder().authorization("digest", Bench.bytes("me:secret")).aclProvider(provider).build());
        CuratorFramework other = bench.client();
        owner.create().forPath(bench.path, Bench.bytes("x"));
        owner.create().forPath(bench.path + "/open");
        Bench.fails(KeeperException.NoAuthException.class, () -> other.getData().forPath(bench.path));
        Bench.fails(KeeperException.NoAuthException.class, () -> other.create().forPath(bench.path + "/mine"));
        Bench.same(ZooDefs.Ids.OPEN_ACL_UNSAFE, other.getACL().forPath(bench.path + "/open"));
        Bench.same("digest", owner.getACL().forPath(bench.path).get(0).getId().getScheme());
        owner.setACL().withVersion(0).withACL(ZooDefs.Ids.READ_ACL_UNSAFE).forPath(bench.path);
        Bench.same("x", Bench.text(other.getData().forPath(bench.path)));
        Bench.fails(KeeperException.NoAuthException.class, () -> owner.setData().forPath(bench.path, new byte[0]));
    }

    @SuppressWarnings("deprecation")
    private static void tempClient(Bench bench) throws Exception {
        bench.client().create().forPath(bench.path, Bench.bytes("x"));
        CuratorTempFramework temp = bench.closing(bench.builder().buildTemp(1, TimeUnit.MINUTES));
        Bench.same("x", Bench.text(temp.getData().forPath(bench.path)));
        temp.inTransaction().setData().forPath(bench.path, Bench.bytes("y")).and().commit();
        Bench.same("y", Bench.text(temp.getData().forPath(bench.path)));
    }

    private static void ensembleTracker(Bench bench) throws Exception {
        CuratorFramework client = bench.started(bench.builder().ensembleTracker(true).build());
        BlockingQueue<CuratorEvent> events = new LinkedBlockingQueue<>();
        client.getConfig().inBackground((source, event) -> events.add(event)).forEnsemble();
        Bench.same(0, Bench.next(events).getResultCode());
        Stat stat = new Stat();
        client.getConfig().storingStatIn(stat).usingWatcher((Watcher) event -> { }).forEnsemble();
        Bench.same(0L, stat.getCzxid());
        Bench.yes(client.getCurrentConfig() != null, "a configuration is known");
    }

    private static void reconfig(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        Bench.fails(KeeperException.ReconfigDisabledException.class, () -> client.reconfig().leaving("1").forEnsemble());
    }

    private static void sync(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        client.sync().forPath("/");
        BlockingQueue<CuratorEvent> events = new LinkedBlockingQueue<>();
        client.sync().inBackground((source, event) -> events.add(event)).forPath(bench.path);
        Bench.same(0, Bench.next(events).getResultCode());
    }

    private static void tracer(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        Set<String> traced = ConcurrentHashMap.newKeySet();
        client.getZookeeperClient().setTracerDriver(new TracerDriver() {
            @Override
            public void addTrace(String name, long time, TimeUnit unit) {
                traced.add(name);
            }

            @Override
            public void addCount(String name, int increment) {
            }
        });
        client.create().forPath(bench.path);
        Bench.yes(traced.contains("CreateBuilderImpl-Foreground"), "traced: " + traced);
    }

    /** What only the client below Curator asks of a server. */
    private static void rawExtras(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        client.create().forPath(bench.path);
        client.create().withMode(CreateMode.EPHEMERAL).forPath(bench.path + "/e");
        Bench.same(List.of(bench.path + "/e"), client.getZookeeperClient().getZooKeeper().getEphemerals(bench.path));
        Bench.same(1, client.getZookeeperClient().getZooKeeper().getAllChildrenNumber(bench.path));
        Bench.same("ip", client.getZookeeperClient().getZooKeeper().whoAmI().get(0).getAuthScheme());
    }
}
