import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.stream.Collectors;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.cache.ChildData;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.cache.CuratorCacheBridge;
import org.apache.curator.framework.recipes.cache.CuratorCacheListener;
import org.apache.curator.framework.recipes.cache.NodeCache;
import org.apache.curator.framework.recipes.cache.PathChildrenCache;
import org.apache.curator.framework.recipes.cache.PathChildrenCacheEvent;
import org.apache.curator.framework.recipes.cache.TreeCache;
import org.apache.curator.framework.recipes.cache.TreeCacheEvent;

/** Caches. */
@SuppressWarnings("deprecation")
final class Caches {
    static void add() {
        Recipes.add("node_cache", Caches::nodeCache);
        Recipes.add("path_children_cache", Caches::pathChildrenCache);
        Recipes.add("tree_cache", Caches::treeCache);
        Recipes.add("curator_cache", Caches::curatorCache);
        Recipes.add("curator_cache_single_node", Caches::singleNode);
        Recipes.add("curator_cache_bridge", Caches::bridge);
    }

    private static void nodeCache(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        client.create().forPath(bench.path, Bench.bytes("one"));
        NodeCache cache = bench.closing(new NodeCache(client, bench.path));
        BlockingQueue<String> changes = new LinkedBlockingQueue<>();
        cache.start(true);
        Bench.same("one", Bench.text(cache.getCurrentData().getData()));
        cache.getListenable().addListener(() -> {
            ChildData data = cache.getCurrentData();
            changes.add(data == null ? "none" : Bench.text(data.getData()));
        });
        client.setData().forPath(bench.path, Bench.bytes("two"));
        Bench.same("two", Bench.next(changes));
        client.delete().forPath(bench.path);
        Bench.same("none", Bench.next(changes));
        client.create().forPath(bench.path, Bench.bytes("three"));
        Bench.same("three", Bench.next(changes));
    }

    private static void pathChildrenCache(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        client.create().creatingParentsIfNeeded().forPath(bench.path + "/a", Bench.bytes("1"));
        PathChildrenCache built = bench.closing(new PathChildrenCache(client, bench.path, true));
        built.start(PathChildrenCache.StartMode.BUILD_INITIAL_CACHE);
        Bench.same("1", Bench.text(built.getCurrentData(bench.path + "/a").getData()));
        PathChildrenCache cache = bench.closing(new PathChildrenCache(client, bench.path, true));
        BlockingQueue<String> events = new LinkedBlockingQueue<>();
        cache.getListenable().addListener((source, event) -> events.add(said(event)));
        cache.start(PathChildrenCache.StartMode.POST_INITIALIZED_EVENT);
        Bench.same(Set.of("CHILD_ADDED /a", "INITIALIZED"), Set.of(Bench.next(events).replace(bench.path, ""), Bench.next(events)));
        client.create().forPath(bench.path + "/b");
        Bench.same("CHILD_ADDED " + bench.path + "/b", Bench.next(events));
        client.setData().forPath(bench.path + "/b", Bench.bytes("2"));
        Bench.same("CHILD_UPDATED " + bench.path + "/b", Bench.next(events));
        client.delete().forPath(bench.path + "/a");
        Bench.same("CHILD_REMOVED " + bench.path + "/a", Bench.next(events));
        Bench.same(1, cache.getCurrentData().size());
    }

    private static String said(PathChildrenCacheEvent event) {
        return event.getType() + (event.getData() == null ? "" : " " + event.getData().getPath());
    }

    private static void treeCache(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        client.create().creatingParentsIfNeeded().forPath(bench.path + "/a/b");
        TreeCache cache = bench.closing(TreeCache.newBuilder(client, bench.path).setMaxDepth(2).build());
        BlockingQueue<String> events = new LinkedBlockingQueue<>();
        cache.getListenable().addListener((source, event) -> events.add(said(event)));
        cache.start();
        Bench.until(events, "INITIALIZED");
        Bench.same(Set.of("b"), cache.getCurrentChildren(bench.path + "/a").keySet());
        client.create().forPath(bench.path + "/a/c");
        Bench.until(events, "NODE_ADDED " + bench.path + "/a/c");
        client.setData().forPath(bench.path + "/a/c", Bench.bytes("x"));
        Bench.until(events, "NODE_UPDATED " + bench.path + "/a/c");
        client.delete().deletingChildrenIfNeeded().forPath(bench.path + "/a");
        Bench.until(events, "NODE_REMOVED " + bench.path + "/a");
        Bench.same(null, cache.getCurrentData(bench.path + "/a"));
    }

    private static String said(TreeCacheEvent event) {
        return event.getType() + (event.getData() == null ? "" : " " + event.getData().getPath());
    }

    private static void curatorCache(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        client.create().creatingParentsIfNeeded().forPath(bench.path + "/a/b", Bench.bytes("1"));
        CuratorCache cache = bench.closing(CuratorCache.build(client, bench.path));
        BlockingQueue<String> events = new LinkedBlockingQueue<>();
        CountDownLatch filled = new CountDownLatch(1);
        cache.listenable().addListener(CuratorCacheListener.builder()
                .forCreates(node -> events.add("+" + node.getPath()))
                .forChanges((old, now) -> events.add(Bench.text(old.getData()) + ">" + Bench.text(now.getData())))
                .forDeletes(node -> events.add("-" + node.getPath()))
                .forInitialized(filled::countDown).build());
        cache.start();
        Bench.done(filled, "filled");
        Bench.same(3, cache.size());
        events.clear();
        client.setData().forPath(bench.path + "/a/b", Bench.bytes("2"));
        Bench.same("1>2", Bench.next(events));
        client.create().forPath(bench.path + "/a/b/c");
        Bench.same("+" + bench.path + "/a/b/c", Bench.next(events));
        client.delete().forPath(bench.path + "/a/b/c");
        Bench.same("-" + bench.path + "/a/b/c", Bench.next(events));
        Set<String> paths = cache.stream().map(ChildData::getPath).collect(Collectors.toSet());
        Bench.same(Set.of(bench.path, bench.path + "/a", bench.path + "/a/b"), paths);
    }

    private static void singleNode(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        CuratorCache cache = bench.closing(CuratorCache.build(client, bench.path, CuratorCache.Options.SINGLE_NODE_CACHE,
                CuratorCache.Options.COMPRESSED_DATA));
        CountDownLatch ready = new CountDownLatch(1);
        BlockingQueue<String> events = new LinkedBlockingQueue<>();
        cache.listenable().addListener(CuratorCacheListener.builder().forInitialized(ready::countDown)
                .forCreatesAndChanges((old, now) -> events.add(Bench.text(now.getData()))).build());
        cache.start();
        Bench.done(ready, "filled");
        client.create().compressed().forPath(bench.path, Bench.bytes("x"));
        Bench.same("x", Bench.next(events));
        client.create().compressed().forPath(bench.path + "/child", Bench.bytes("child"));
        client.setData().compressed().forPath(bench.path, Bench.bytes("y"));
        Bench.same("y", Bench.next(events));
    }

    private static void bridge(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        CuratorCacheBridge cache = bench.closing(CuratorCache.bridgeBuilder(client, bench.path).build());
        Bench.yes(cache.isCuratorCache(), "the server has persistent watches");
        BlockingQueue<String> events = new LinkedBlockingQueue<>();
        cache.listenable().addListener(CuratorCacheListener.builder()
                .forPathChildrenCache(bench.path, client, (source, event) -> events.add(said(event))).build());
        cache.start();
        Bench.until(events, "INITIALIZED");
        client.create().creatingParentsIfNeeded().forPath(bench.path + "/a");
        Bench.until(events, "CHILD_ADDED " + bench.path + "/a");
    }
}
