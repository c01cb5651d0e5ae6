import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.barriers.DistributedBarrier;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.LeaderSelector;
import org.apache.curator.framework.recipes.leader.LeaderSelectorListenerAdapter;
import org.apache.curator.framework.recipes.leader.Participant;
import org.apache.curator.framework.recipes.nodes.GroupMember;
import org.apache.curator.retry.RetryNTimes;

/**
 * Leads, joins groups and meets at barriers with Curator. Argument: connection string. Takes a line for each thing to do from its standard input,
 * the words divided by spaces, and answers each with a line.
 */
public final class Leading {
    private static final int WAIT_SECONDS = 30;

    private final CuratorFramework client;
    private final Map<String, LeaderLatch> latches = new HashMap<>();
    private final Map<String, Leader> leaders = new HashMap<>();
    private final Map<String, GroupMember> members = new HashMap<>();
    private final Map<String, DistributedDoubleBarrier> barriers = new HashMap<>();

    private Leading(String servers) {
        client = CuratorFrameworkFactory.newClient(servers, 6000, WAIT_SECONDS * 1000, new RetryNTimes(50, 100));
        client.start();
    }

    /** Leads until it is told to resign. */
    private static final class Leader extends LeaderSelectorListenerAdapter {
        final CountDownLatch leads = new CountDownLatch(1);
        final CountDownLatch resigned = new CountDownLatch(1);
        final CountDownLatch done = new CountDownLatch(1);
        LeaderSelector selector;

        @Override
        public void takeLeadership(CuratorFramework leading) throws Exception {
            leads.countDown();
            resigned.await();
            done.countDown();
        }
    }

    private static String ids(Iterable<Participant> participants) {
        TreeSet<String> ids = new TreeSet<>();
        for (Participant participant : participants) {
            ids.add(participant.getId() + (participant.isLeader() ? "*" : ""));
        }
        return String.join(" ", ids);
    }

    private String latch(String[] words) throws Exception {
        LeaderLatch latch = latches.get(words[2]);
        switch (words[1]) {
            case "start":
                latch = new LeaderLatch(client, words[2], words[3]);
                latches.put(words[2], latch);
                latch.start();
                return "started";
            case "leads":
                return String.valueOf(latch.await((long) (1000 * Double.parseDouble(words[3])), TimeUnit.MILLISECONDS));
            case "who":
                return ids(latch.getParticipants());
            default:
                latches.remove(words[2]).close();
                return "closed";
        }
    }

    private String select(String[] words) throws Exception {
        Leader leader = leaders.get(words[2]);
        switch (words[1]) {
            case "start":
                leader = new Leader();
                leader.selector = new LeaderSelector(client, words[2], leader);
                leader.selector.setId(words[3]);
                leaders.put(words[2], leader);
                leader.selector.start();
                return "queued";
            case "leads":
                return String.valueOf(leader.leads.await((long) (1000 * Double.parseDouble(words[3])), TimeUnit.MILLISECONDS));
            case "who":
                return ids(leader.selector.getParticipants());
            default:
                leader.resigned.countDown();
                leader.done.await();
                leader.selector.close();
                return "resigned";
        }
    }

    private String member(String[] words) {
        GroupMember member = members.get(words[2]);
        switch (words[1]) {
            case "join":
                member = new GroupMember(client, words[2], words[3], words[4].getBytes(StandardCharsets.UTF_8));
                members.put(words[2], member);
                member.start();
                return "joined";
            case "who":
                TreeSet<String> found = new TreeSet<>();
                for (Map.Entry<String, byte[]> each : member.getCurrentMembers().entrySet()) {
                    found.add(each.getKey() + "=" + new String(each.getValue(), StandardCharsets.UTF_8));
                }
                return String.join(" ", found);
            default:
                members.remove(words[2]).close();
                return "left";
        }
    }

    private String barrier(String[] words) throws Exception {
        DistributedBarrier barrier = new DistributedBarrier(client, words[2]);
        switch (words[1]) {
            case "set":
                barrier.setBarrier();
                return "set";
            case "remove":
                barrier.removeBarrier();
                return "removed";
            default:
                return String.valueOf(barrier.waitOnBarrier(WAIT_SECONDS, TimeUnit.SECONDS));
        }
    }

    private String act(String[] words) throws Exception {
        switch (words[0]) {
            case "latch":
                return latch(words);
            case "select":
                return select(words);
            case "member":
                return member(words);
            case "barrier":
                return barrier(words);
            case "enter":
                barriers.putIfAbsent(words[1], new DistributedDoubleBarrier(client, words[1], Integer.parseInt(words[2])));
                return String.valueOf(barriers.get(words[1]).enter(WAIT_SECONDS, TimeUnit.SECONDS));
            case "leave":
                return String.valueOf(barriers.get(words[1]).leave(WAIT_SECONDS, TimeUnit.SECONDS));
            default:
                throw new IllegalArgumentException(words[0]);
        }
    }

    public static void main(String[] arguments) throws Exception {
        Leading leading = new Leading(arguments[0]);
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String answer;
            try {
                answer = leading.act(line.split(" "));
            } catch (Exception error) {
                answer = "failed: " + error;
            }
            System.out.println(answer);
        }
        leading.client.close();
    }
}
