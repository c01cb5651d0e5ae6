import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.atomic.AtomicValue;
import org.apache.curator.framework.recipes.atomic.CachedAtomicInteger;
import org.apache.curator.framework.recipes.atomic.CachedAtomicLong;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicInteger;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicValue;
import org.apache.curator.framework.recipes.atomic.PromotedToLock;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.framework.recipes.shared.SharedCountListener;
import org.apache.curator.framework.recipes.shared.SharedCountReader;
import org.apache.curator.framework.recipes.shared.SharedValue;
import org.apache.curator.framework.recipes.shared.SharedValueListener;
import org.apache.curator.framework.recipes.shared.SharedValueReader;
import org.apache.curator.framework.recipes.shared.VersionedValue;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.RetryNTimes;

/** Counters and values. */
final class Values {
    private static final RetryNTimes TRIES = new RetryNTimes(1000, 1);

    static void add() {
        Recipes.add("atomic_long", Values::atomicLong);
        Recipes.add("atomic_long_promoted", Values::promoted);
        Recipes.add("atomic_integer", Values::atomicInteger);
        Recipes.add("atomic_value", Values::atomicValue);
        Recipes.add("cached_atomic", Values::cached);
        Recipes.add("shared_count", Values::sharedCount);
        Recipes.add("shared_value", Values::sharedValue);
    }

    interface MakeLong {
        DistributedAtomicLong on(CuratorFramework client);
    }

    private static void count(Bench bench, MakeLong make) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(4);
        bench.closing(threads::shutdownNow);
        List<Future<Boolean>> running = new ArrayList<>();
        for (int thread = 0; thread < 4; thread++) {
            DistributedAtomicLong counter = make.on(bench.client());
            running.add(threads.submit(() -> {
                boolean all = true;
                for (int round = 0; round < 10; round++) {
                    all &= counter.increment().succeeded();
                }
                return all;
            }));
        }
        for (Future<Boolean> done : running) {
            Bench.yes(done.get(2 * Bench.WAIT_SECONDS, TimeUnit.SECONDS), "counted");
        }
        Bench.same(40L, make.on(bench.client()).get().postValue());
    }

    private static void atomicLong(Bench bench) throws Exception {
        count(bench, client -> new DistributedAtomicLong(client, bench.path, TRIES));
        CuratorFramework client = bench.client();
        DistributedAtomicLong counter = new DistributedAtomicLong(client, bench.path, TRIES);
        AtomicValue<Long> result = counter.add(2L);
        Bench.same(40L, result.preValue());
        Bench.same(42L, result.postValue());
        Bench.yes(!counter.compareAndSet(1L, 5L).succeeded(), "another value");
        Bench.yes(counter.compareAndSet(42L, 5L).succeeded(), "this value");
        Bench.same(4L, counter.decrement().postValue());
        Bench.same(8, client.getData().forPath(bench.path).length);
        Bench.yes(!counter.initialize(1L), "it is there already");
    }

    private static void promoted(Bench bench) throws Exception {
        count(bench, client -> new DistributedAtomicLong(client, bench.path, new RetryNTimes(1, 1), PromotedToLock.builder()
                .lockPath(bench.path + "-lock").retryPolicy(TRIES).timeout(Bench.WAIT_SECONDS, TimeUnit.SECONDS).build()));
    }

    private static void atomicInteger(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        DistributedAtomicInteger counter = new DistributedAtomicInteger(client, bench.path, TRIES);
        counter.forceSet(7);
        Bench.same(6, counter.subtract(1).postValue());
        Bench.same(new byte[] {0, 0, 0, 6}, client.getData().forPath(bench.path));
    }

    private static void atomicValue(Bench bench) throws Exception {
        DistributedAtomicValue value = new DistributedAtomicValue(bench.client(), bench.path, TRIES);
        Bench.yes(value.initialize(Bench.bytes("a")), "made");
        Bench.yes(value.trySet(Bench.bytes("b")).succeeded(), "set");
        Bench.yes(value.compareAndSet(Bench.bytes("b"), Bench.bytes("c")).succeeded(), "compared and set");
        Bench.same("c", Bench.text(value.get().postValue()));
    }

    private static void cached(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        CachedAtomicLong longs = new CachedAtomicLong(new DistributedAtomicLong(client, bench.path + "-long", TRIES), 3);
        CachedAtomicInteger integers = new CachedAtomicInteger(new DistributedAtomicInteger(client, bench.path + "-int", TRIES), 3);
        for (int round = 0; round < 7; round++) {
            Bench.same((long) round, longs.next().preValue());
            Bench.same(round, integers.next().preValue());
        }
    }

    private static void sharedCount(Bench bench) throws Exception {
        SharedCount one = bench.closing(new SharedCount(bench.client(), bench.path, 10));
        SharedCount two = bench.closing(new SharedCount(bench.client(), bench.path, 10));
        BlockingQueue<Integer> counts = new LinkedBlockingQueue<>();
        two.addListener(new SharedCountListener() {
            @Override
            public void countHasChanged(SharedCountReader source, int count) {
                counts.add(count);
            }

            @Override
            public void stateChanged(CuratorFramework client, ConnectionState state) {
            }
        });
        one.start();
        two.start();
        Bench.same(10, two.getCount());
        VersionedValue<Integer> seen = one.getVersionedValue();
        Bench.yes(one.trySetCount(seen, 11), "nobody was faster");
        Bench.same(11, Bench.next(counts));
        Bench.yes(!one.trySetCount(seen, 12), "an old version");
        two.setCount(13);
        Bench.until(counts, 13);
    }

    private static void sharedValue(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        SharedValue one = bench.closing(new SharedValue(client, bench.path, Bench.bytes("seed")));
        SharedValue two = bench.closing(new SharedValue(bench.client(), bench.path, Bench.bytes("seed")));
        BlockingQueue<String> values = new LinkedBlockingQueue<>();
        one.getListenable().addListener(new SharedValueListener() {
            @Override
            public void valueHasChanged(SharedValueReader source, byte[] value) {
                values.add(Bench.text(value));
            }

            @Override
            public void stateChanged(CuratorFramework source, ConnectionState state) {
            }
        });
        one.start();
        two.start();
        two.setValue(Bench.bytes("new"));
        Bench.same("new", Bench.next(values));
        bench.endSession(client);
        two.setValue(Bench.bytes("newer"));
        Bench.until(values, "newer");
    }
}
