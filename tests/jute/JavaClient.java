import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.ZooDefs;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.admin.ZooKeeperAdmin;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Id;
import org.apache.zookeeper.data.Stat;

/**
 * Does everything that the Java API can, for capture_java_client.py, which sits between this program and a server.
 *
 * Before each step it writes a line that says what comes and waits for a line to come back; a line that begins with "!" asks for something.
 */
public final class JavaClient {
    private static final BufferedReader ORDERS = new BufferedReader(new InputStreamReader(System.in));
    private static final List<ACL> OPEN = ZooDefs.Ids.OPEN_ACL_UNSAFE;
    private static final int TIMEOUT_MS = 4000;

    private final String recorded;
    private final String direct;

    private JavaClient(String recorded, String direct) {
        this.recorded = recorded;
        this.direct = direct;
    }

    private interface Step {
        void run() throws Exception;
    }

    /** A client that has its session, and knows when it has another connection or an event. */
    private static final class Client implements Watcher {
        final ZooKeeper api;
        final Semaphore connected = new Semaphore(0);
        final Semaphore events = new Semaphore(0);

        Client(String address) throws Exception {
            api = new ZooKeeperAdmin(address, TIMEOUT_MS, this);
            connected.acquire();
        }

        @Override
        public void process(org.apache.zookeeper.WatchedEvent event) {
            if (event.getType() != Event.EventType.None) {
                events.release();
            } else if (event.getState() == Event.KeeperState.SyncConnected) {
                connected.release();
            }
        }
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static void say(String what) throws Exception {
        System.out.println(what);
        System.out.flush();
        if (ORDERS.readLine() == null) {
            System.exit(1);
        }
    }

    private static void step(String what, Step step) throws Exception {
        say(what);
        step.run();
    }

    /** A step that must be refused with the code. */
    private static void refused(KeeperException.Code code, String what, Step step) throws Exception {
        say(what);
        try {
            step.run();
        } catch (KeeperException refusal) {
            if (refusal.code() == code) {
                return;
            }
            throw refusal;
        }
        throw new IllegalStateException(what + " was not refused");
    }

    private Client connect(String what) throws Exception {
        say(what);
        return new Client(recorded);
    }

    public static void main(String[] arguments) throws Exception {
        JavaClient program = new JavaClient(arguments[1], arguments[2]);
        switch (arguments[0]) {
            case "plain":
                program.plain();
                break;
            case "limited":
                program.limited();
                break;
            case "auth-required":
                program.authRequired();
                break;
            case "throttled":
                program.throttled();
                break;
            case "sasl":
                program.sasl();
                break;
            default:
                program.quorum(arguments[3]);
        }
        System.exit(0);
    }

    private void plain() throws Exception {
        Client client = connect("a new session");
        Client other = new Client(direct);
        ZooKeeper api = client.api;
        writes(api);
        reads(api);
        multis(api);
        permissions(api, other.api);
        quotas(api);
        watches(client, other.api);
        step("a sign of life", () -> say("!ping"));
        reconnections(client, other.api);
        step("the end of a session", api::close);
        refusedSessions();
        other.api.close();
    }

    private void writes(ZooKeeper api) throws Exception {
        step("create, persistent", () -> api.create("/j", bytes("data"), OPEN, CreateMode.PERSISTENT));
        step("create, null data", () -> api.create("/j/null", null, OPEN, CreateMode.PERSISTENT));
        step("create, ephemeral", () -> api.create("/j/e", bytes(""), OPEN, CreateMode.EPHEMERAL));
        step("create, sequential", () -> api.create("/j/s-", bytes("s"), OPEN, CreateMode.PERSISTENT_SEQUENTIAL));
        step("create, sequential ephemeral", () -> api.create("/j/s-", bytes("s"), OPEN, CreateMode.EPHEMERAL_SEQUENTIAL));
        step("create, a path beyond ASCII", () -> api.create("/j/\u00e9\u4e2d", bytes("\u00e9"), OPEN, CreateMode.PERSISTENT));
        step("create2", () -> api.create("/j/c2", bytes("data"), OPEN, CreateMode.PERSISTENT, new Stat()));
        step("create2, ephemeral", () -> api.create("/j/e2", bytes("data"), OPEN, CreateMode.EPHEMERAL, new Stat()));
        step("createContainer", () -> api.create("/j/container", bytes(""), OPEN, CreateMode.CONTAINER));
        step("createTTL", () -> api.create("/j/ttl", bytes(""), OPEN, CreateMode.PERSISTENT_WITH_TTL, new Stat(), 10_000_000));
        step("createTTL, sequential", () -> api.create("/j/t-", null, OPEN, CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL, new Stat(), 10_000_000));
        refused(KeeperException.Code.NODEEXISTS, "create, a node that is there", () -> api.create("/j", null, OPEN, CreateMode.PERSISTENT));
        refused(KeeperException.Code.NONODE, "create, no parent", () -> api.create("/none/a", null, OPEN, CreateMode.PERSISTENT));
        refused(KeeperException.Code.NOCHILDRENFOREPHEMERALS, "create, under an ephemeral", () -> api.create("/j/e/a", null, OPEN, CreateMode.PERSISTENT));
        List<ACL> unknown = Collections.singletonList(new ACL(31, new Id("none", "a")));
        refused(KeeperException.Code.INVALIDACL, "create, an unknown scheme", () -> api.create("/j/a", null, unknown, CreateMode.PERSISTENT));
        step("setData", () -> api.setData("/j", bytes("more"), 0));
        step("setData, null data", () -> api.setData("/j/c2", null, -1));
        refused(KeeperException.Code.BADVERSION, "setData, another version", () -> api.setData("/j", bytes(""), 77));
        step("setACL", () -> api.setACL("/j", Arrays.asList(OPEN.get(0), new ACL(1, new Id("ip", "10.0.0.0/8"))), -1));
        step("delete", () -> api.delete("/j/c2", 1));
        refused(KeeperException.Code.NOTEMPTY, "delete, a node with children", () -> api.delete("/j", -1));
        refused(KeeperException.Code.BADARGUMENTS, "delete, the root", () -> api.delete("/", -1));
        refused(KeeperException.Code.RECONFIGDISABLED, "reconfig, switched off",
            () -> ((ZooKeeperAdmin) api).reconfigure("server.2=h:1:2;3", null, null, -1, new Stat()));
    }

    private void reads(ZooKeeper api) throws Exception {
        step("exists", () -> api.exists("/j", false));
        step("exists, no node", () -> api.exists("/none", false));
        step("getData", () -> api.getData("/j", false, new Stat()));
        step("getData, null", () -> api.getData("/j/null", false, new Stat()));
        step("getData, of the configuration", () -> api.getConfig(false, new Stat()));
        step("getACL", () -> api.getACL("/j", new Stat()));
        step("getChildren", () -> api.getChildren("/j", false));
        step("getChildren2", () -> api.getChildren("/j", false, new Stat()));
        step("getAllChildrenNumber", () -> api.getAllChildrenNumber("/j"));
        step("getEphemerals", api::getEphemerals);
        step("getEphemerals, of a prefix", () -> api.getEphemerals("/j/e2"));
        step("sync", () -> api.sync("/j"));
        step("whoAmI", api::whoAmI);
    }

    private void multis(ZooKeeper api) throws Exception {
        step("multi, of every kind", () -> api.multi(Arrays.asList(
            Op.create("/m", bytes("m"), OPEN, CreateMode.PERSISTENT), Op.create("/m/s-", null, OPEN, CreateMode.PERSISTENT_SEQUENTIAL),
            Op.create("/m/c", bytes(""), OPEN, CreateMode.CONTAINER), Op.create("/m/t", bytes(""), OPEN, CreateMode.PERSISTENT_WITH_TTL, 10_000_000),
            Op.setData("/m", bytes("x"), 0), Op.check("/m", 1), Op.delete("/m/t", 0))));
        step("multi, empty", () -> api.multi(Collections.emptyList()));
        step("multi, a transaction", () -> api.transaction().create("/m/a", null, OPEN, CreateMode.EPHEMERAL).check("/m/a", 0).delete("/m/a", -1).commit());
        refused(KeeperException.Code.BADVERSION, "multi, refused in the middle", () -> api.multi(Arrays.asList(
            Op.create("/m/b", null, OPEN, CreateMode.PERSISTENT), Op.check("/m", 77), Op.delete("/m", -1))));
        step("multiRead", () -> api.multi(Arrays.asList(Op.getData("/m"), Op.getChildren("/m"), Op.getData("/none"), Op.getChildren("/none"))));
        step("multiRead, empty data", () -> api.multi(Collections.singletonList(Op.getData("/j/null"))));
    }

    private void permissions(ZooKeeper api, ZooKeeper other) throws Exception {
        step("auth, digest", () -> api.addAuthInfo("digest", bytes("u:p")));
        step("whoAmI, with a user", api::whoAmI);
        step("create, for the creator", () -> api.create("/mine", bytes("secret"), ZooDefs.Ids.CREATOR_ALL_ACL, CreateMode.PERSISTENT));
        step("getACL, of the creator", () -> api.getACL("/mine", new Stat()));
        other.addAuthInfo("digest", bytes("other:p"));
        other.create("/theirs", null, ZooDefs.Ids.CREATOR_ALL_ACL, CreateMode.PERSISTENT);
        other.create("/shown", null, Arrays.asList(new ACL(31, new Id("auth", "")), ZooDefs.Ids.READ_ACL_UNSAFE.get(0)), CreateMode.PERSISTENT);
        step("getACL, with its hash hidden", () -> api.getACL("/shown", new Stat()));
        refused(KeeperException.Code.NOAUTH, "getData, no permission", () -> api.getData("/theirs", false, new Stat()));
        refused(KeeperException.Code.NOAUTH, "setData, no permission", () -> api.setData("/theirs", null, -1));
    }

    private void quotas(ZooKeeper api) throws Exception {
        step("create, for a quota", () -> api.create("/q", null, OPEN, CreateMode.PERSISTENT));
        step("create, for a quota", () -> api.create("/zookeeper/quota/q", null, OPEN, CreateMode.PERSISTENT));
        step("create, its limits", () -> api.create(
            "/zookeeper/quota/q/zookeeper_limits", bytes("count=-1,bytes=-1=;byteHardLimit=-1;countHardLimit=1"), OPEN, CreateMode.PERSISTENT));
        step("create, its use", () -> api.create("/zookeeper/quota/q/zookeeper_stats", bytes("count=1,bytes=0"), OPEN, CreateMode.PERSISTENT));
        refused(KeeperException.Code.QUOTAEXCEEDED, "create, above a quota", () -> api.create("/q/a", null, OPEN, CreateMode.PERSISTENT));
    }

    private void watches(Client client, ZooKeeper other) throws Exception {
        ZooKeeper api = client.api;
        step("exists, with a watch", () -> api.exists("/w", true));
        step("create, fires it", () -> api.create("/w", null, OPEN, CreateMode.PERSISTENT));
        client.events.acquire();
        step("getData, with a watch", () -> api.getData("/w", true, new Stat()));
        step("getChildren, with a watch", () -> api.getChildren("/w", true));
        step("another session fires both", () -> other.setData("/w", bytes("1"), -1));
        client.events.acquire();
        other.create("/w/a", null, OPEN, CreateMode.PERSISTENT);
        client.events.acquire();
        step("addWatch, persistent", () -> api.addWatch("/w", client, AddWatchMode.PERSISTENT));
        step("addWatch, persistent recursive", () -> api.addWatch("/w", client, AddWatchMode.PERSISTENT_RECURSIVE));
        step("setData, fires a persistent watch", () -> api.setData("/w", bytes("2"), -1));
        client.events.acquire();
        step("delete, fires a recursive watch and one of children", () -> api.delete("/w/a", -1));
        client.events.acquire(2);
        step("removeWatches, persistent", () -> api.removeWatches("/w", client, Watcher.WatcherType.Persistent, false));
        step("removeWatches, recursive", () -> api.removeWatches("/w", client, Watcher.WatcherType.PersistentRecursive, false));
        client.events.acquire(2);
        step("getData, with a watch", () -> api.getData("/w", true, new Stat()));
        step("getChildren, with a watch", () -> api.getChildren("/w", true));
        step("removeWatches, of data", () -> api.removeWatches("/w", client, Watcher.WatcherType.Data, false));
        step("removeWatches, of children", () -> api.removeAllWatches("/w", Watcher.WatcherType.Children, false));
        client.events.acquire(2);
        step("addWatch, persistent", () -> api.addWatch("/w", client, AddWatchMode.PERSISTENT));
        step("removeAllWatches, of every kind", () -> api.removeAllWatches("/w", Watcher.WatcherType.Any, false));
        client.events.acquire();
        other.create("/silent", null, OPEN, CreateMode.PERSISTENT);
        step("getData, with a watch that will be spent in silence", () -> api.getData("/silent", true, new Stat()));
        other.setACL("/silent", ZooDefs.Ids.CREATOR_ALL_ACL, -1);
        other.setData("/silent", bytes("3"), -1);
        refused(KeeperException.Code.NOWATCHER, "removeWatches, of one that is gone",
            () -> api.removeWatches("/silent", client, Watcher.WatcherType.Any, false));
        refused(KeeperException.Code.NOWATCHER, "removeAllWatches, of one that is gone",
            () -> api.removeAllWatches("/silent", Watcher.WatcherType.Data, false));
    }

    private void reconnections(Client client, ZooKeeper other) throws Exception {
        ZooKeeper api = client.api;
        step("watches of every list", () -> api.getData("/j", true, new Stat()));
        api.getData("/j/null", true, new Stat());
        api.exists("/none", true);
        api.exists("/later", true);
        api.getChildren("/j", true);
        api.getChildren("/m", true);
        step("!hang up", () -> { });
        other.setData("/j/null", bytes("missed"), -1);
        other.create("/later", null, OPEN, CreateMode.PERSISTENT);
        other.create("/m/missed", null, OPEN, CreateMode.PERSISTENT);
        step("!let it come back", () -> { });
        client.connected.acquire();
        client.events.acquire(3);
        step("persistent watches", () -> api.addWatch("/j/null", client, AddWatchMode.PERSISTENT));
        api.addWatch("/m", client, AddWatchMode.PERSISTENT_RECURSIVE);
        step("!hang up", () -> { });
        other.setData("/j", bytes("missed"), -1);
        step("!let it come back", () -> { });
        client.connected.acquire();
        client.events.acquire();
        step("setData, fires a persistent watch that came back", () -> api.setData("/j/null", null, -1));
        client.events.acquire();
    }

    /** A password that is none, and a scheme that is none. */
    private void refusedSessions() throws Exception {
        CountDownLatch expired = new CountDownLatch(1);
        say("a session that never was");
        ZooKeeper late = new ZooKeeper(recorded, TIMEOUT_MS, event -> {
            if (event.getState() == Watcher.Event.KeeperState.Expired) {
                expired.countDown();
            }
        }, 12345L, new byte[16]);
        expired.await();
        late.close();
        CountDownLatch failed = new CountDownLatch(1);
        say("auth, an unknown scheme");
        ZooKeeper stranger = new ZooKeeper(recorded, TIMEOUT_MS, event -> {
            if (event.getState() == Watcher.Event.KeeperState.AuthFailed) {
                failed.countDown();
            }
        });
        stranger.addAuthInfo("none", bytes("u:p"));
        failed.await();
    }

    private void limited() throws Exception {
        ZooKeeper api = connect("a new session").api;
        refused(KeeperException.Code.UNIMPLEMENTED, "reconfig, of a standalone server",
            () -> ((ZooKeeperAdmin) api).reconfigure("server.2=h:1:2;3", null, null, -1, new Stat()));
        refused(KeeperException.Code.UNIMPLEMENTED, "createTTL, switched off",
            () -> api.create("/t", bytes(""), OPEN, CreateMode.PERSISTENT_WITH_TTL, new Stat(), 10_000_000));
        step("the end of a session", api::close);
    }

    private void authRequired() throws Exception {
        ZooKeeper api = connect("a new session").api;
        refused(KeeperException.Code.SESSIONCLOSEDREQUIRESASLAUTH, "getData, before it has authenticated", () -> api.getData("/", false, new Stat()));
    }

    private void throttled() throws Exception {
        ZooKeeper api = connect("a new session").api;
        say("burst of writes, of which one waits too long");
        int size = 300;
        CountDownLatch answers = new CountDownLatch(size);
        for (int i = 0; i < size; i++) {
            api.create("/t-", null, OPEN, CreateMode.PERSISTENT_SEQUENTIAL, (code, path, context, name) -> answers.countDown(), null);
        }
        answers.await();
    }

    private void sasl() throws Exception {
        ZooKeeper api = connect("SASL with DIGEST-MD5").api;
        step("whoAmI, with a user of SASL", api::whoAmI);
        step("the end of a session", api::close);
    }

    /** What a leader without followers answers; its sessions are local ones. */
    private void quorum(String observer) throws Exception {
        ZooKeeperAdmin api = (ZooKeeperAdmin) connect("a local session").api;
        refused(KeeperException.Code.EPHEMERALONLOCALSESSION, "create, an ephemeral of a local session",
            () -> api.create("/e", null, OPEN, CreateMode.EPHEMERAL));
        step("create, persistent", () -> api.create("/p", null, OPEN, CreateMode.PERSISTENT));
        step("sync", () -> api.sync("/p"));
        step("getData, of the configuration", () -> api.getConfig(false, new Stat()));
        refused(KeeperException.Code.NEWCONFIGNOQUORUM, "reconfig, a member that is not there",
            () -> api.reconfigure(observer.replace("observer", "participant"), null, null, -1, new Stat()));
        refused(KeeperException.Code.BADARGUMENTS, "reconfig, no member at all", () -> api.reconfigure(null, "1", null, -1, new Stat()));
        refused(KeeperException.Code.BADVERSION, "reconfig, of another version", () -> api.reconfigure(observer, null, null, 77, new Stat()));
        step("reconfig, an observer comes", () -> api.reconfigure(observer, null, null, -1, new Stat()));
        step("getData, of the configuration", () -> api.getConfig(false, new Stat()));
        say("burst of reconfigs, of which one comes too early");
        int size = 100;
        CountDownLatch answers = new CountDownLatch(size);
        for (int i = 0; i < size; i++) {
            api.reconfigure(i % 2 == 0 ? null : observer, i % 2 == 0 ? "2" : null, null, -1, (code, path, context, data, stat) -> answers.countDown(), null);
        }
        answers.await();
    }
}
