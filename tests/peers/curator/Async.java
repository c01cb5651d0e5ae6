import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.api.transaction.CuratorOp;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.x.async.AsyncCuratorFramework;
import org.apache.curator.x.async.AsyncStage;
import org.apache.curator.x.async.AsyncWrappers;
import org.apache.curator.x.async.WatchMode;
import org.apache.curator.x.async.api.CreateOption;
import org.apache.curator.x.async.api.DeleteOption;
import org.apache.curator.x.async.migrations.Migration;
import org.apache.curator.x.async.migrations.MigrationException;
import org.apache.curator.x.async.migrations.MigrationManager;
import org.apache.curator.x.async.migrations.MigrationSet;
import org.apache.curator.x.async.modeled.JacksonModelSerializer;
import org.apache.curator.x.async.modeled.ModelSpec;
import org.apache.curator.x.async.modeled.ModeledFramework;
import org.apache.curator.x.async.modeled.ZPath;
import org.apache.curator.x.async.modeled.cached.CachedModeledFramework;
import org.apache.curator.x.async.modeled.versioned.Versioned;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.data.Stat;

/** x-async: calls that give stages, models and migrations. */
final class Async {
    static void add() {
        Recipes.add("async_calls", Async::calls);
        Recipes.add("async_watches", Async::watches);
        Recipes.add("async_wrappers", Async::wrappers);
        Recipes.add("modeled", Async::modeled);
        Recipes.add("modeled_versioned", Async::versioned);
        Recipes.add("modeled_cached", Async::cached);
        Recipes.add("migrations", Async::migrations);
    }

    private static <T> T get(CompletionStage<T> stage) throws Exception {
        return stage.toCompletableFuture().get(Bench.WAIT_SECONDS, TimeUnit.SECONDS);
    }

    private static void calls(Bench bench) throws Exception {
        AsyncCuratorFramework client = AsyncCuratorFramework.wrap(bench.client());
        Bench.same(bench.path + "/a", get(client.create().withOptions(Set.of(CreateOption.createParentsAsContainers), CreateMode.PERSISTENT)
                .forPath(bench.path + "/a", Bench.bytes("x"))));
        Bench.same("x", Bench.text(get(client.getData().forPath(bench.path + "/a"))));
        Bench.same(1, get(client.setData().withVersion(0).forPath(bench.path + "/a", Bench.bytes("y"))).getVersion());
        Bench.same(List.of("a"), get(client.getChildren().forPath(bench.path)));
        Bench.same(null, get(client.checkExists().forPath(bench.path + "/none")));
        ExecutionException failed = Bench.fails(ExecutionException.class, () -> get(client.getData().forPath(bench.path + "/none")));
        Bench.yes(failed.getCause() instanceof KeeperException.NoNodeException, "no node: " + failed);
        CuratorOp make = client.transactionOp().create().forPath(bench.path + "/b");
        CuratorOp check = client.transactionOp().check().withVersion(1).forPath(bench.path + "/a");
        Bench.same(2, get(client.transaction().forOperations(List.of(make, check))).size());
        get(client.sync().forPath(bench.path));
        Bench.same(1, get(client.getACL().forPath(bench.path + "/b")).size());
        get(client.getConfig().forEnsemble());
        get(client.delete().withOptions(Set.of(DeleteOption.deletingChildrenIfNeeded)).forPath(bench.path));
        get(client.delete().withOptions(Set.of(DeleteOption.quietly)).forPath(bench.path));
    }

    private static void watches(Bench bench) throws Exception {
        CuratorFramework plain = bench.client();
        AsyncCuratorFramework client = AsyncCuratorFramework.wrap(plain);
        AsyncStage<Stat> exists = client.with(WatchMode.successOnly).watched().checkExists().forPath(bench.path);
        Bench.same(null, get(exists));
        get(client.create().forPath(bench.path));
        WatchedEvent event = get(exists.event());
        Bench.same(Watcher.Event.EventType.NodeCreated, event.getType());
        BlockingQueue<String> events = new LinkedBlockingQueue<>();
        Watcher watcher = seen -> events.add(seen.getType().name());
        get(client.addWatch().withMode(AddWatchMode.PERSISTENT).usingWatcher(watcher).forPath(bench.path));
        get(client.setData().forPath(bench.path, Bench.bytes("x")));
        Bench.same("NodeDataChanged", Bench.next(events));
        get(client.removeWatches().removing(watcher).forPath(bench.path));
        Bench.same("PersistentWatchRemoved", Bench.next(events));
    }

    private static void wrappers(Bench bench) throws Exception {
        AsyncCuratorFramework client = AsyncCuratorFramework.wrap(bench.client());
        get(AsyncWrappers.asyncEnsureContainers(client, bench.path + "/c"));
        get(AsyncWrappers.asyncEnsureParents(client, bench.path + "/d/e"));
        Bench.same(Set.of("c", "d"), Set.copyOf(get(client.getChildren().forPath(bench.path))));
        Map<String, byte[]> data = get(AsyncWrappers.childrenWithData(client, bench.path));
        Bench.same(Set.of(bench.path + "/c", bench.path + "/d"), data.keySet());
        ExecutorService one = Executors.newSingleThreadExecutor();
        bench.closing(one::shutdownNow);
        InterProcessMutex lock = new InterProcessMutex(client.unwrap(), bench.path + "/lock");
        get(AsyncWrappers.lockAsync(lock, Bench.WAIT_SECONDS, TimeUnit.SECONDS, one).thenRunAsync(() -> AsyncWrappers.release(lock), one));
        Bench.yes(!lock.isAcquiredInThisProcess(), "released");
        InterProcessMutex held = new InterProcessMutex(bench.client(), bench.path + "/lock");
        held.acquire();
        Bench.same(false, get(AsyncWrappers.lockAsyncIf(lock, 100, TimeUnit.MILLISECONDS, one)));
    }

    /** What the models are of. */
    public static final class Person {
        public String name;
        public int age;

        public Person() {
        }

        Person(String name, int age) {
            this.name = name;
            this.age = age;
        }
    }

    private static ModeledFramework<Person> people(Bench bench, CuratorFramework client) {
        ModelSpec<Person> spec = ModelSpec.builder(ZPath.parse(bench.path), JacksonModelSerializer.build(Person.class))
                .withCreateMode(CreateMode.PERSISTENT).build();
        return ModeledFramework.wrap(AsyncCuratorFramework.wrap(client), spec);
    }

    private static void modeled(Bench bench) throws Exception {
        ModeledFramework<Person> people = people(bench, bench.client());
        Bench.same(bench.path + "/ada", get(people.child("ada").set(new Person("Ada", 36))));
        Bench.same(36, get(people.child("ada").read()).age);
        get(people.child("ada").update(new Person("Ada", 37)));
        Bench.same(37, get(people.childrenAsZNodes()).get(0).model().age);
        get(people.inTransaction(List.of(people.child("bob").createOp(new Person("Bob", 1)), people.child("ada").deleteOp())));
        Bench.same(List.of(ZPath.parse(bench.path + "/bob")), get(people.children()));
        get(people.child("bob").delete());
        Bench.same(null, get(people.child("bob").checkExists()));
    }

    private static void versioned(Bench bench) throws Exception {
        ModeledFramework<Person> person = people(bench, bench.client());
        get(person.set(new Person("Ada", 36)));
        Versioned<Person> seen = get(person.versioned().read());
        get(person.versioned().update(Versioned.from(new Person("Ada", 37), seen.version())));
        Bench.fails(ExecutionException.class, () -> get(person.versioned().update(Versioned.from(new Person("Ada", 38), seen.version()))));
    }

    private static void cached(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        CachedModeledFramework<Person> people = bench.closing(people(bench, client).cached());
        CountDownLatch ready = new CountDownLatch(1);
        BlockingQueue<String> events = new LinkedBlockingQueue<>();
        people.listenable().addListener(new org.apache.curator.x.async.modeled.cached.ModeledCacheListener<>() {
            @Override
            public void accept(Type type, ZPath path, Stat stat, Person model) {
                events.add(type + " " + path.nodeName());
            }

            @Override
            public void initialized() {
                ready.countDown();
            }
        });
        people.start();
        Bench.done(ready, "filled");
        get(people.child("ada").set(new Person("Ada", 36)));
        Bench.until(events, "NODE_ADDED ada");
        Bench.same("Ada", get(people.child("ada").read()).name);
        Bench.same("Ada", get(people.child("ada").readThrough()).name);
    }

    private static void migrations(Bench bench) throws Exception {
        AsyncCuratorFramework client = AsyncCuratorFramework.wrap(bench.client());
        ExecutorService executor = Executors.newCachedThreadPool();
        bench.closing(executor::shutdownNow);
        MigrationManager manager =
                new MigrationManager(client, bench.path + "/locks", bench.path + "/meta", executor, Duration.ofSeconds(Bench.WAIT_SECONDS));
        Migration make = () -> List.of(client.transactionOp().create().forPath(bench.path + "/made"));
        Migration fill = () -> List.of(client.transactionOp().setData().forPath(bench.path + "/made", Bench.bytes("x")));
        get(manager.migrate(MigrationSet.build("set", List.of(make))));
        get(manager.migrate(MigrationSet.build("set", List.of(make, fill))));
        Bench.same("x", Bench.text(get(client.getData().forPath(bench.path + "/made"))));
        ExecutionException failed = Bench.fails(ExecutionException.class, () -> get(manager.migrate(MigrationSet.build("set", List.of(fill, make)))));
        Bench.yes(failed.getCause() instanceof MigrationException, "another history: " + failed);
    }
}
