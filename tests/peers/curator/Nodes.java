import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.nodes.GroupMember;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.curator.framework.recipes.nodes.PersistentTtlNode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.Watcher;

/** Nodes that are kept there, and groups of them. */
final class Nodes {
    static void add() {
        Recipes.add("group_member", Nodes::groupMember);
        Recipes.add("persistent_node", Nodes::persistentNode);
        Recipes.add("persistent_ephemeral_node", Nodes::ephemeralNode);
        Recipes.add("persistent_node_of_ended_session", Nodes::endedSession);
        Recipes.add("persistent_ttl_node", Nodes::ttlNode);
    }

    private static void groupMember(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        GroupMember one = bench.closing(new GroupMember(client, bench.path, "one", Bench.bytes("1")));
        GroupMember two = bench.closing(new GroupMember(bench.client(), bench.path, "two", Bench.bytes("2")));
        one.start();
        two.start();
        Bench.there(client, bench.path);
        Bench.children(client, bench.path, 2);
        Bench.same("1", Bench.text(one.getCurrentMembers().get("one")));
        BlockingQueue<String> changed = new LinkedBlockingQueue<>();
        client.getData().usingWatcher((Watcher) event -> changed.add(event.getPath())).forPath(bench.path + "/two");
        two.setThisData(Bench.bytes("22"));
        Bench.next(changed);
        Bench.same("22", Bench.text(client.getData().forPath(bench.path + "/two")));
        bench.endSession(client);
        Bench.children(client, bench.path, 2);
        two.close();
        Bench.children(client, bench.path, 1);
        Bench.same(Set.of("one"), Set.copyOf(client.getChildren().forPath(bench.path)));
    }

    private static PersistentNode kept(Bench bench, CuratorFramework client, CreateMode mode, boolean protect) throws Exception {
        PersistentNode node = bench.closing(new PersistentNode(client, mode, protect, bench.path + "/node", Bench.bytes("x")));
        node.start();
        Bench.yes(node.waitForInitialCreate(Bench.WAIT_SECONDS, TimeUnit.SECONDS), "made");
        return node;
    }

    private static void deletedAndMadeAgain(CuratorFramework other, String path) throws Exception {
        BlockingQueue<Watcher.Event.EventType> events = new LinkedBlockingQueue<>();
        Watcher watcher = event -> events.add(event.getType());
        other.checkExists().usingWatcher(watcher).forPath(path);
        other.delete().forPath(path);
        Bench.until(events, Watcher.Event.EventType.NodeDeleted);
        Bench.there(other, path);
    }

    private static void persistentNode(Bench bench) throws Exception {
        CuratorFramework other = bench.client();
        PersistentNode node = kept(bench, bench.client(), CreateMode.PERSISTENT, false);
        deletedAndMadeAgain(other, node.getActualPath());
        CountDownLatch changed = new CountDownLatch(1);
        other.getData().usingWatcher((Watcher) event -> changed.countDown()).forPath(node.getActualPath());
        node.setData(Bench.bytes("y"));
        Bench.done(changed, "the node has other data");
        Bench.same("y", Bench.text(other.getData().forPath(node.getActualPath())));
        String path = node.getActualPath();
        node.close();
        Bench.gone(other, path);
    }

    private static void ephemeralNode(Bench bench) throws Exception {
        CuratorFramework other = bench.client();
        PersistentNode node = kept(bench, bench.client(), CreateMode.EPHEMERAL, true);
        Bench.yes(node.getActualPath().startsWith(bench.path + "/_c_"), node.getActualPath());
        deletedAndMadeAgain(other, node.getActualPath());
    }

    private static void endedSession(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        CuratorFramework other = bench.client();
        PersistentNode node = kept(bench, client, CreateMode.EPHEMERAL, false);
        String path = node.getActualPath();
        long before = other.checkExists().forPath(path).getEphemeralOwner();
        BlockingQueue<String> made = new LinkedBlockingQueue<>();
        node.getListenable().addListener(made::add);
        bench.endSession(client);
        Bench.same(path, Bench.next(made));
        Bench.yes(other.checkExists().forPath(path).getEphemeralOwner() != before, "it belongs to the new session");
    }

    private static void ttlNode(Bench bench) throws Exception {
        CuratorFramework other = bench.client();
        PersistentTtlNode node = bench.closing(new PersistentTtlNode(bench.client(), bench.path, 1000, Bench.bytes("x")));
        node.start();
        Bench.yes(node.waitForInitialCreate(Bench.WAIT_SECONDS, TimeUnit.SECONDS), "made");
        BlockingQueue<Watcher.Event.EventType> touches = new LinkedBlockingQueue<>();
        Watcher watcher = event -> touches.add(event.getType());
        Bench.there(other, bench.path + "/touch");
        other.getData().usingWatcher(watcher).forPath(bench.path + "/touch");
        Bench.same(Watcher.Event.EventType.NodeDataChanged, Bench.next(touches));
        node.close();
        Bench.gone(other, bench.path + "/touch");
        Bench.gone(other, bench.path);
    }
}
