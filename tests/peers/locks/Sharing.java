import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.locks.InterProcessMultiLock;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;
import org.apache.curator.framework.recipes.locks.Revoker;
import org.apache.curator.retry.RetryNTimes;
import org.apache.zookeeper.CreateMode;

/**
 * Takes locks with Curator that others take, too. Argument: connection string. Takes a line for each thing to do from its standard input, the words
 * divided by spaces, and answers each with a line: "ok", or what was wrong.
 */
public final class Sharing {
    private static final int WAIT_SECONDS = 30;
    private final CuratorFramework client;
    private final CountDownLatch revoked = new CountDownLatch(1);
    private InterProcessMutex held;

    private Sharing(String servers) {
        client = CuratorFrameworkFactory.newClient(servers, 6000, WAIT_SECONDS * 1000, new RetryNTimes(50, 100));
        client.start();
    }

    /** Many times: in, look who is there, out. */
    private String rounds(String kind, String path, int rounds) throws Exception {
        InterProcessMutex mutex = new InterProcessMutex(client, path);
        InterProcessReadWriteLock both = new InterProcessReadWriteLock(client, path);
        InterProcessSemaphoreV2 semaphore = new InterProcessSemaphoreV2(client, path, 2);
        InterProcessMultiLock multi = new InterProcessMultiLock(client, List.of(path + "/a", path + "/b"));
        for (int round = 0; round < rounds; round++) {
            String wrong;
            switch (kind) {
                case "mutex":
                    mutex.acquire();
                    wrong = inside("alone");
                    mutex.release();
                    break;
                case "write":
                    both.writeLock().acquire();
                    both.readLock().acquire();
                    wrong = inside("alone");
                    both.writeLock().release();
                    wrong += inside("reader");
                    both.readLock().release();
                    break;
                case "read":
                    both.readLock().acquire();
                    wrong = inside("reader");
                    both.readLock().release();
                    break;
                case "semaphore":
                    Lease lease = semaphore.acquire();
                    wrong = inside("lease");
                    lease.close();
                    break;
                case "multi":
                    multi.acquire();
                    wrong = inside("alone");
                    multi.release();
                    break;
                default:
                    return "unknown: " + kind;
            }
            if (!wrong.isEmpty()) {
                return wrong;
            }
        }
        return "ok";
    }

    /** What is wrong about those who are inside with us; each has a node below /inside. */
    private String inside(String kind) throws Exception {
        String path = client.create().withMode(CreateMode.PERSISTENT_SEQUENTIAL).forPath("/inside/" + kind + "-");
        List<String> there = client.getChildren().forPath("/inside");
        long alone = there.stream().filter(name -> name.startsWith("alone")).count();
        boolean wrong = alone > 1 || (alone == 1 && there.size() > 1) || (kind.equals("lease") && there.size() > 2);
        client.delete().forPath(path);
        return wrong ? String.join(" ", there) : "";
    }

    private String answer(String[] words) throws Exception {
        switch (words[0]) {
            case "rounds":
                return rounds(words[1], words[2], Integer.parseInt(words[3]));
            case "revoke":
                Revoker.attemptRevoke(client, words[1]);
                return "ok";
            case "hold":
                held = new InterProcessMutex(client, words[1]);
                held.makeRevocable(lock -> revoked.countDown());
                held.acquire();
                return "ok";
            case "release":
                // Not before somebody has asked for it.
                if (!revoked.await(WAIT_SECONDS, TimeUnit.SECONDS)) {
                    return "nobody asked";
                }
                held.release();
                return "ok";
            case "participants":
                Collection<String> nodes = new InterProcessMutex(client, words[1]).getParticipantNodes();
                return String.join(" ", nodes);
            default:
                return "unknown: " + words[0];
        }
    }

    public static void main(String[] arguments) throws Exception {
        Sharing sharing = new Sharing(arguments[0]);
        sharing.client.blockUntilConnected(WAIT_SECONDS, TimeUnit.SECONDS);
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            String answer;
            try {
                answer = sharing.answer(line.split(" "));
            } catch (Exception error) {
                answer = error.toString();
            }
            System.out.println(answer);
        }
        sharing.client.close();
    }
}
