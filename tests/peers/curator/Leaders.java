import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.LeaderLatchListener;
import org.apache.curator.framework.recipes.leader.LeaderSelector;
import org.apache.curator.framework.recipes.leader.LeaderSelectorListenerAdapter;

/** Leadership. */
final class Leaders {
    static void add() {
        Recipes.add("leader_latch", Leaders::latch);
        Recipes.add("leader_latch_of_ended_session", Leaders::endedSession);
        Recipes.add("leader_selector", Leaders::selector);
        Recipes.add("leader_selector_interrupted", Leaders::interrupted);
        Recipes.add("leader_selector_of_ended_session", Leaders::selectorEndedSession);
    }

    private static LeaderLatch latchOf(Bench bench, CuratorFramework client, String id, BlockingQueue<String> said) throws Exception {
        LeaderLatch latch = new LeaderLatch(client, bench.path, id, LeaderLatch.CloseMode.NOTIFY_LEADER);
        latch.addListener(new LeaderLatchListener() {
            @Override
            public void isLeader() {
                said.add(id + " leads");
            }

            @Override
            public void notLeader() {
                said.add(id + " does not");
            }
        });
        bench.closing(latch).start();
        return latch;
    }

    private static void latch(Bench bench) throws Exception {
        BlockingQueue<String> said = new LinkedBlockingQueue<>();
        LeaderLatch one = latchOf(bench, bench.client(), "one", said);
        one.await();
        LeaderLatch two = latchOf(bench, bench.client(), "two", said);
        Bench.children(bench.client(), bench.path, 2);
        Bench.same("one", two.getLeader().getId());
        Bench.same(2, one.getParticipants().size());
        Bench.yes(!two.await(100, TimeUnit.MILLISECONDS), "one leader");
        one.close();
        Bench.yes(two.await(Bench.WAIT_SECONDS, TimeUnit.SECONDS), "the other leads now");
        Set<String> heard = new HashSet<>(Set.of(Bench.next(said), Bench.next(said), Bench.next(said)));
        Bench.same(Set.of("one leads", "one does not", "two leads"), heard);
    }

    private static void endedSession(Bench bench) throws Exception {
        BlockingQueue<String> said = new LinkedBlockingQueue<>();
        CuratorFramework client = bench.client();
        LeaderLatch one = latchOf(bench, client, "one", said);
        one.await();
        LeaderLatch two = latchOf(bench, bench.client(), "two", said);
        Bench.children(bench.client(), bench.path, 2);
        bench.endSession(client);
        Bench.until(said, "two leads");
        Bench.children(bench.client(), bench.path, 2);
        two.close();
        Bench.yes(one.await(Bench.WAIT_SECONDS, TimeUnit.SECONDS), "back in line under the new session");
    }

    private static final class Leader extends LeaderSelectorListenerAdapter {
        private final String id;
        private final BlockingQueue<String> said;
        final CountDownLatch resign = new CountDownLatch(1);

        Leader(String id, BlockingQueue<String> said) {
            this.id = id;
            this.said = said;
        }

        @Override
        public void takeLeadership(CuratorFramework client) throws Exception {
            said.add(id);
            try {
                resign.await();
            } catch (InterruptedException ended) {
                said.add(id + " ended");
                throw ended;
            }
        }
    }

    private static void selector(Bench bench) throws Exception {
        BlockingQueue<String> said = new LinkedBlockingQueue<>();
        Leader first = new Leader("one", said);
        Leader second = new Leader("two", said);
        LeaderSelector one = bench.closing(new LeaderSelector(bench.client(), bench.path, first));
        LeaderSelector two = bench.closing(new LeaderSelector(bench.client(), bench.path, second));
        one.setId("one");
        two.setId("two");
        one.autoRequeue();
        one.start();
        Bench.same("one", Bench.next(said));
        two.start();
        Bench.children(bench.client(), bench.path, 2);
        Bench.same("one", two.getLeader().getId());
        first.resign.countDown();
        Bench.same("two", Bench.next(said));
        second.resign.countDown();
        Bench.same("one", Bench.next(said));
        two.requeue();
        Bench.until(said, "two");
    }

    private static void interrupted(Bench bench) throws Exception {
        BlockingQueue<String> said = new LinkedBlockingQueue<>();
        LeaderSelector selector = bench.closing(new LeaderSelector(bench.client(), bench.path, new Leader("one", said)));
        selector.autoRequeue();
        selector.start();
        Bench.same("one", Bench.next(said));
        selector.interruptLeadership();
        Bench.same("one ended", Bench.next(said));
        Bench.same("one", Bench.next(said));
    }

    private static void selectorEndedSession(Bench bench) throws Exception {
        BlockingQueue<String> said = new LinkedBlockingQueue<>();
        CuratorFramework client = bench.client();
        LeaderSelector one = bench.closing(new LeaderSelector(client, bench.path, new Leader("one", said)));
        one.start();
        Bench.same("one", Bench.next(said));
        LeaderSelector two = bench.closing(new LeaderSelector(bench.client(), bench.path, new Leader("two", said)));
        two.start();
        Bench.children(bench.client(), bench.path, 2);
        bench.endSession(client);
        Bench.same(Set.of("one ended", "two"), Set.of(Bench.next(said), Bench.next(said)));
    }
}
