import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.queue.BlockingQueueConsumer;
import org.apache.curator.framework.recipes.queue.DistributedDelayQueue;
import org.apache.curator.framework.recipes.queue.DistributedIdQueue;
import org.apache.curator.framework.recipes.queue.DistributedPriorityQueue;
import org.apache.curator.framework.recipes.queue.DistributedQueue;
import org.apache.curator.framework.recipes.queue.ErrorMode;
import org.apache.curator.framework.recipes.queue.MultiItem;
import org.apache.curator.framework.recipes.queue.QueueBuilder;
import org.apache.curator.framework.recipes.queue.QueueConsumer;
import org.apache.curator.framework.recipes.queue.QueueSerializer;
import org.apache.curator.framework.recipes.queue.QueueSharder;
import org.apache.curator.framework.recipes.queue.QueueSharderPolicies;
import org.apache.curator.framework.recipes.queue.SimpleDistributedQueue;
import org.apache.curator.framework.state.ConnectionState;

/** Queues. */
final class Queues {
    static void add() {
        Recipes.add("queue", Queues::queue);
        Recipes.add("queue_with_lock", Queues::withLock);
        Recipes.add("queue_bounded", Queues::bounded);
        Recipes.add("priority_queue", Queues::priority);
        Recipes.add("id_queue", Queues::withIds);
        Recipes.add("delay_queue", Queues::delay);
        Recipes.add("simple_queue", Queues::simple);
        Recipes.add("queue_sharder", Queues::sharder);
    }

    private static final QueueSerializer<String> TEXT = new QueueSerializer<>() {
        @Override
        public byte[] serialize(String item) {
            return Bench.bytes(item);
        }

        @Override
        public String deserialize(byte[] bytes) {
            return Bench.text(bytes);
        }
    };

    interface Consume {
        void item(String item) throws Exception;
    }

    private static QueueConsumer<String> consumer(Consume consume) {
        return new QueueConsumer<>() {
            @Override
            public void consumeMessage(String item) throws Exception {
                consume.item(item);
            }

            @Override
            public void stateChanged(CuratorFramework client, ConnectionState state) {
            }
        };
    }

    private static MultiItem<String> items(String... items) {
        List<String> left = new ArrayList<>(List.of(items));
        return () -> left.isEmpty() ? null : left.remove(0);
    }

    private static void queue(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        BlockingQueue<String> got = new LinkedBlockingQueue<>();
        DistributedQueue<String> puts = bench.closing(QueueBuilder.builder(client, null, TEXT, bench.path).buildQueue());
        puts.start();
        puts.put("a");
        puts.putMulti(items("b", "c"));
        Bench.yes(puts.flushPuts(Bench.WAIT_SECONDS, TimeUnit.SECONDS), "flushed");
        Bench.same(2, client.getChildren().forPath(bench.path).size());
        DistributedQueue<String> takes = bench.closing(QueueBuilder.builder(bench.client(), consumer(got::add), TEXT, bench.path).buildQueue());
        takes.start();
        Bench.same("a", Bench.next(got));
        Bench.same("b", Bench.next(got));
        Bench.same("c", Bench.next(got));
        Bench.children(client, bench.path, 0);
    }

    private static void withLock(Bench bench) throws Exception {
        AtomicBoolean failing = new AtomicBoolean(true);
        BlockingQueue<String> got = new LinkedBlockingQueue<>();
        CuratorFramework client = bench.client();
        DistributedQueue<String> queue = bench.closing(QueueBuilder.builder(client, consumer(item -> {
            if (failing.getAndSet(false)) {
                throw new Exception("the first time it fails");
            }
            got.add(item);
        }), TEXT, bench.path).lockPath(bench.path + "-locks").buildQueue());
        queue.setErrorMode(ErrorMode.REQUEUE);
        queue.start();
        queue.put("once more");
        Bench.same("once more", Bench.next(got));
        Bench.children(client, bench.path, 0);
    }

    private static void bounded(Bench bench) throws Exception {
        CountDownLatch go = new CountDownLatch(1);
        BlockingQueue<String> got = new LinkedBlockingQueue<>();
        CuratorFramework client = bench.client();
        DistributedQueue<String> puts = bench.closing(QueueBuilder.builder(client, null, TEXT, bench.path).maxItems(2).putInBackground(false).buildQueue());
        puts.start();
        int put = 0;
        while (put < 20 && puts.put("item", 200, TimeUnit.MILLISECONDS)) {
            put++;
        }
        Bench.yes(put >= 2 && put < 20, "full after " + put);
        DistributedQueue<String> takes = bench.closing(QueueBuilder.builder(bench.client(), consumer(item -> {
            go.await();
            got.add(item);
        }), TEXT, bench.path).buildQueue());
        takes.start();
        go.countDown();
        for (int taken = 0; taken < put; taken++) {
            Bench.next(got);
        }
        Bench.yes(puts.put("item", Bench.WAIT_SECONDS, TimeUnit.SECONDS), "room again");
    }

    private static void priority(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        BlockingQueueConsumer<String> consumer = new BlockingQueueConsumer<>((source, state) -> { });
        DistributedPriorityQueue<String> puts = bench.closing(QueueBuilder.<String>builder(client, null, TEXT, bench.path).buildPriorityQueue(0));
        puts.start();
        puts.put("low", 100);
        puts.put("high", -5);
        puts.put("middle", 7);
        Bench.yes(puts.flushPuts(Bench.WAIT_SECONDS, TimeUnit.SECONDS), "flushed");
        DistributedPriorityQueue<String> takes =
                bench.closing(QueueBuilder.builder(bench.client(), consumer, TEXT, bench.path).buildPriorityQueue(0));
        takes.start();
        for (String item : List.of("high", "middle", "low")) {
            Bench.same(item, consumer.take(Bench.WAIT_SECONDS, TimeUnit.SECONDS));
        }
    }

    private static void withIds(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        BlockingQueue<String> got = new LinkedBlockingQueue<>();
        DistributedIdQueue<String> puts = bench.closing(QueueBuilder.<String>builder(client, null, TEXT, bench.path).buildIdQueue());
        puts.start();
        puts.put("keep", "one");
        puts.put("drop", "two");
        Bench.yes(puts.flushPuts(Bench.WAIT_SECONDS, TimeUnit.SECONDS), "flushed");
        Bench.same(1, puts.remove("two"));
        DistributedIdQueue<String> takes = bench.closing(QueueBuilder.builder(bench.client(), consumer(got::add), TEXT, bench.path).buildIdQueue());
        takes.start();
        Bench.same("keep", Bench.next(got));
        Bench.children(client, bench.path, 0);
        Bench.same(null, got.poll());
    }

    private static void delay(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        BlockingQueue<String> got = new LinkedBlockingQueue<>();
        DistributedDelayQueue<String> queue = bench.closing(QueueBuilder.builder(client, consumer(got::add), TEXT, bench.path).buildDelayQueue());
        queue.start();
        long now = System.currentTimeMillis();
        queue.put("later", now + 1500);
        queue.put("sooner", now + 500);
        Bench.same("sooner", Bench.next(got));
        Bench.yes(System.currentTimeMillis() >= now + 500, "not too soon");
        Bench.same("later", Bench.next(got));
        Bench.yes(System.currentTimeMillis() >= now + 1500, "not too soon");
    }

    private static void simple(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        SimpleDistributedQueue queue = new SimpleDistributedQueue(client, bench.path);
        Bench.same(null, queue.poll());
        Bench.same(null, queue.poll(100, TimeUnit.MILLISECONDS));
        queue.offer(Bench.bytes("a"));
        queue.offer(Bench.bytes("b"));
        Bench.same("a", Bench.text(queue.peek()));
        Bench.same("a", Bench.text(queue.remove()));
        Bench.same("b", Bench.text(queue.element()));
        Bench.same("b", Bench.text(queue.take()));
        new SimpleDistributedQueue(bench.client(), bench.path).offer(Bench.bytes("c"));
        Bench.same("c", Bench.text(queue.poll(Bench.WAIT_SECONDS, TimeUnit.SECONDS)));
    }

    private static void sharder(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        QueueSharderPolicies policies = QueueSharderPolicies.builder().newQueueThreshold(2).thresholdCheckMs(50).maxQueues(3).build();
        BlockingQueue<String> got = new LinkedBlockingQueue<>();
        QueueSharder<String, DistributedQueue<String>> sharder = bench.closing(new QueueSharder<>(client,
                (source, path) -> QueueBuilder.builder(source, consumer(got::add), TEXT, path).buildQueue(), bench.path, bench.path + "-leader", policies));
        sharder.start();
        Set<String> wanted = new HashSet<>();
        for (int item = 0; item < 30; item++) {
            sharder.getQueue().put("item " + item);
            wanted.add("item " + item);
        }
        Collection<String> taken = new HashSet<>();
        while (taken.size() < wanted.size()) {
            taken.add(Bench.next(got));
        }
        Bench.same(wanted, taken);
        Bench.yes(sharder.getShardQty() >= 1, "shards");
    }
}
