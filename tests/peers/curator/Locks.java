import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.barriers.DistributedBarrier;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.framework.recipes.locks.InterProcessLock;
import org.apache.curator.framework.recipes.locks.InterProcessMultiLock;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreMutex;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;
import org.apache.curator.framework.recipes.locks.Locker;
import org.apache.curator.framework.recipes.locks.Revoker;
import org.apache.curator.framework.recipes.shared.SharedCount;

/** Locks, semaphores and barriers. */
final class Locks {
    private static final int THREADS = 6;

    static void add() {
        Recipes.add("mutex", Locks::mutex);
        Recipes.add("mutex_of_ended_session", Locks::endedSession);
        Recipes.add("semaphore_mutex", Locks::semaphoreMutex);
        Recipes.add("read_write_lock", Locks::readWriteLock);
        Recipes.add("semaphore_v2", Locks::semaphore);
        Recipes.add("semaphore_v2_shared_count", Locks::countedSemaphore);
        Recipes.add("multi_lock", Locks::multiLock);
        Recipes.add("revocation", Locks::revocation);
        Recipes.add("locker", Locks::locker);
        Recipes.add("barrier", Locks::barrier);
        Recipes.add("double_barrier", Locks::doubleBarrier);
    }

    /** Runs something in many threads, each with its own client where `clients` has one for it; gives the results. */
    private static <T> List<T> inThreads(Bench bench, List<Callable<T>> work) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(work.size());
        bench.closing(threads::shutdownNow);
        List<T> results = new ArrayList<>();
        for (Future<T> done : threads.invokeAll(work, 2 * Bench.WAIT_SECONDS, TimeUnit.SECONDS)) {
            results.add(done.get());
        }
        return results;
    }

    interface MakeLock {
        InterProcessLock on(CuratorFramework client);
    }

    /** Many threads of two clients want a lock at once; never do two have it. */
    private static void contend(Bench bench, MakeLock make) throws Exception {
        List<CuratorFramework> clients = List.of(bench.client(), bench.client());
        AtomicInteger inside = new AtomicInteger();
        List<Callable<Boolean>> work = new ArrayList<>();
        for (int thread = 0; thread < THREADS; thread++) {
            CuratorFramework client = clients.get(thread % 2);
            work.add(() -> {
                boolean alone = true;
                for (int round = 0; round < 5; round++) {
                    InterProcessLock lock = make.on(client);
                    lock.acquire();
                    alone &= inside.incrementAndGet() == 1;
                    client.checkExists().forPath("/");
                    inside.decrementAndGet();
                    lock.release();
                }
                return alone;
            });
        }
        for (boolean alone : inThreads(bench, work)) {
            Bench.yes(alone, "one holder at a time");
        }
    }

    private static void mutex(Bench bench) throws Exception {
        contend(bench, client -> new InterProcessMutex(client, bench.path));
        CuratorFramework client = bench.client();
        InterProcessMutex lock = new InterProcessMutex(client, bench.path);
        lock.acquire();
        lock.acquire();
        Bench.yes(lock.isOwnedByCurrentThread(), "held");
        Bench.same(1, lock.getParticipantNodes().size());
        Bench.yes(!new InterProcessMutex(bench.client(), bench.path).acquire(200, TimeUnit.MILLISECONDS), "nobody else gets it");
        Bench.same(1, client.getChildren().forPath(bench.path).size());
        lock.release();
        Bench.yes(lock.isAcquiredInThisProcess(), "still held");
        lock.release();
        Bench.fails(IllegalMonitorStateException.class, lock::release);
        Bench.gone(client, bench.path);
    }

    private static void endedSession(Bench bench) throws Exception {
        CuratorFramework first = bench.client();
        CuratorFramework second = bench.client();
        new InterProcessMutex(first, bench.path).acquire();
        List<Callable<Boolean>> waiting = List.of(() -> new InterProcessMutex(second, bench.path).acquire(Bench.WAIT_SECONDS, TimeUnit.SECONDS), () -> {
            Bench.children(second, bench.path, 2);
            bench.endSession(first);
            return true;
        });
        Bench.same(List.of(true, true), inThreads(bench, waiting));
    }

    private static void semaphoreMutex(Bench bench) throws Exception {
        contend(bench, client -> new InterProcessSemaphoreMutex(client, bench.path));
        InterProcessSemaphoreMutex lock = new InterProcessSemaphoreMutex(bench.client(), bench.path);
        lock.acquire();
        Bench.yes(!lock.acquire(100, TimeUnit.MILLISECONDS), "not for the second time");
        Bench.same(List.of(true), inThreads(bench, List.of(() -> {
            lock.release();
            return true;
        })));
    }

    private static void readWriteLock(Bench bench) throws Exception {
        contend(bench, client -> new InterProcessReadWriteLock(client, bench.path).writeLock());
        CuratorFramework client = bench.client();
        InterProcessReadWriteLock one = new InterProcessReadWriteLock(client, bench.path);
        InterProcessReadWriteLock two = new InterProcessReadWriteLock(bench.client(), bench.path);
        one.readLock().acquire();
        Bench.yes(two.readLock().acquire(Bench.WAIT_SECONDS, TimeUnit.SECONDS), "readers together");
        Bench.yes(!one.writeLock().acquire(100, TimeUnit.MILLISECONDS), "no writer beside readers");
        two.readLock().release();
        one.readLock().release();
        one.writeLock().acquire();
        Bench.yes(one.readLock().acquire(Bench.WAIT_SECONDS, TimeUnit.SECONDS), "a writer may read");
        one.writeLock().release();
        Bench.yes(!two.writeLock().acquire(100, TimeUnit.MILLISECONDS), "it still reads");
        Bench.yes(two.readLock().acquire(Bench.WAIT_SECONDS, TimeUnit.SECONDS), "and lets others read");
        String name = client.getChildren().forPath(bench.path).get(0);
        Bench.yes(name.contains("__READ__"), name);
    }

    private static void semaphore(Bench bench) throws Exception {
        InterProcessSemaphoreV2 one = new InterProcessSemaphoreV2(bench.client(), bench.path, 3);
        InterProcessSemaphoreV2 two = new InterProcessSemaphoreV2(bench.client(), bench.path, 3);
        Collection<Lease> leases = one.acquire(2);
        Lease third = two.acquire();
        Bench.same(3, two.getParticipantNodes().size());
        Bench.same(null, two.acquire(100, TimeUnit.MILLISECONDS));
        Bench.same(null, two.acquire(2, 100, TimeUnit.MILLISECONDS));
        one.returnAll(leases);
        Bench.yes(two.acquire(2, Bench.WAIT_SECONDS, TimeUnit.SECONDS) != null, "two leases came free");
        two.returnLease(third);
        AtomicInteger inside = new AtomicInteger();
        String path = bench.path + "/busy";
        List<Callable<Boolean>> work = new ArrayList<>();
        for (int thread = 0; thread < THREADS; thread++) {
            CuratorFramework client = bench.client();
            work.add(() -> {
                InterProcessSemaphoreV2 semaphore = new InterProcessSemaphoreV2(client, path, 2);
                try (Lease lease = semaphore.acquire()) {
                    boolean few = inside.incrementAndGet() <= 2;
                    client.checkExists().forPath("/");
                    inside.decrementAndGet();
                    return few;
                }
            });
        }
        for (boolean few : inThreads(bench, work)) {
            Bench.yes(few, "two holders at a time");
        }
    }

    private static void countedSemaphore(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        SharedCount count = bench.closing(new SharedCount(client, bench.path + "/count", 1));
        count.start();
        InterProcessSemaphoreV2 semaphore = new InterProcessSemaphoreV2(client, bench.path + "/semaphore", count);
        Lease first = semaphore.acquire();
        Bench.same(null, semaphore.acquire(100, TimeUnit.MILLISECONDS));
        count.setCount(2);
        Lease second = semaphore.acquire(Bench.WAIT_SECONDS, TimeUnit.SECONDS);
        Bench.yes(second != null, "one more lease");
        semaphore.returnAll(List.of(first, second));
    }

    private static void multiLock(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        List<String> paths = List.of(bench.path + "/a", bench.path + "/b");
        InterProcessMultiLock both = new InterProcessMultiLock(client, paths);
        both.acquire();
        InterProcessMutex other = new InterProcessMutex(bench.client(), paths.get(1));
        Bench.yes(!other.acquire(100, TimeUnit.MILLISECONDS), "both are held");
        both.release();
        Bench.yes(other.acquire(Bench.WAIT_SECONDS, TimeUnit.SECONDS), "both are free");
        Bench.yes(!both.acquire(100, TimeUnit.MILLISECONDS), "all or none");
        Bench.yes(new InterProcessMutex(bench.client(), paths.get(0)).acquire(Bench.WAIT_SECONDS, TimeUnit.SECONDS), "none");
    }

    private static void revocation(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        InterProcessMutex lock = new InterProcessMutex(client, bench.path);
        CountDownLatch asked = new CountDownLatch(1);
        lock.makeRevocable(revoked -> asked.countDown());
        lock.acquire();
        Revoker.attemptRevoke(bench.client(), lock.getParticipantNodes().iterator().next());
        Bench.done(asked, "asked to give it back");
        lock.release();
    }

    private static void locker(Bench bench) throws Exception {
        InterProcessMutex lock = new InterProcessMutex(bench.client(), bench.path);
        try (Locker locker = new Locker(lock, 1, TimeUnit.SECONDS)) {
            Bench.yes(lock.isAcquiredInThisProcess(), "held");
        }
        Bench.yes(!lock.isAcquiredInThisProcess(), "released");
    }

    private static void barrier(Bench bench) throws Exception {
        DistributedBarrier barrier = new DistributedBarrier(bench.client(), bench.path);
        CuratorFramework other = bench.client();
        barrier.setBarrier();
        Bench.yes(!barrier.waitOnBarrier(100, TimeUnit.MILLISECONDS), "closed");
        BlockingQueue<Boolean> waiting = new LinkedBlockingQueue<>();
        Bench.same(List.of(true, true), inThreads(bench, List.of(() -> {
            waiting.add(true);
            return new DistributedBarrier(other, bench.path).waitOnBarrier(Bench.WAIT_SECONDS, TimeUnit.SECONDS);
        }, () -> {
            Bench.next(waiting);
            barrier.removeBarrier();
            return true;
        })));
    }

    private static void doubleBarrier(Bench bench) throws Exception {
        AtomicInteger entered = new AtomicInteger();
        List<Callable<Boolean>> work = new ArrayList<>();
        for (int member = 0; member < 3; member++) {
            CuratorFramework client = bench.client();
            work.add(() -> {
                DistributedDoubleBarrier barrier = new DistributedDoubleBarrier(client, bench.path, 3);
                entered.incrementAndGet();
                boolean in = barrier.enter(Bench.WAIT_SECONDS, TimeUnit.SECONDS) && entered.get() == 3;
                return barrier.leave(Bench.WAIT_SECONDS, TimeUnit.SECONDS) && in;
            });
        }
        Bench.same(List.of(true, true, true), inThreads(bench, work));
        Bench.yes(!new DistributedDoubleBarrier(bench.client(), bench.path, 2).enter(100, TimeUnit.MILLISECONDS), "not alone");
    }
}
