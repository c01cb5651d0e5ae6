import java.io.BufferedReader;
import java.io.Closeable;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicInteger;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.queue.DistributedDelayQueue;
import org.apache.curator.framework.recipes.queue.DistributedIdQueue;
import org.apache.curator.framework.recipes.queue.DistributedPriorityQueue;
import org.apache.curator.framework.recipes.queue.DistributedQueue;
import org.apache.curator.framework.recipes.queue.QueueBase;
import org.apache.curator.framework.recipes.queue.QueueBuilder;
import org.apache.curator.framework.recipes.queue.QueueConsumer;
import org.apache.curator.framework.recipes.queue.QueueSerializer;
import org.apache.curator.framework.recipes.queue.SimpleDistributedQueue;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.RetryNTimes;

/**
 * Counts, shares counts and uses queues with Curator. Argument: connection string. Takes a line for each thing to do from its standard input,
 * the words divided by spaces, and answers each with a line.
 */
public final class Values {
    private static final int WAIT_SECONDS = 30;
    private static final RetryNTimes TRIES = new RetryNTimes(10000, 1);
    private static final QueueSerializer<String> TEXT = new QueueSerializer<>() {
        @Override
        public byte[] serialize(String item) {
            return item.getBytes(StandardCharsets.UTF_8);
        }

        @Override
        public String deserialize(byte[] bytes) {
            return new String(bytes, StandardCharsets.UTF_8);
        }
    };

    private final CuratorFramework client;
    private final BlockingQueue<String> got = new LinkedBlockingQueue<>();
    private final Map<String, SharedCount> counts = new HashMap<>();
    private final List<Closeable> open = new ArrayList<>();
    private final QueueConsumer<String> consumer = new QueueConsumer<>() {
        @Override
        public void consumeMessage(String item) {
            got.add(item);
        }

        @Override
        public void stateChanged(CuratorFramework source, ConnectionState state) {
        }
    };

    private Values(String servers) {
        client = CuratorFrameworkFactory.newClient(servers, 6000, WAIT_SECONDS * 1000, new RetryNTimes(50, 100));
        client.start();
    }

    /** Counts up so many times, and gives the last value of its own. */
    private String count(String kind, String path, int times) throws Exception {
        Object last = null;
        for (int time = 0; time < times; time++) {
            last = kind.equals("long") ? new DistributedAtomicLong(client, path, TRIES).increment().postValue()
                    : new DistributedAtomicInteger(client, path, TRIES).increment().postValue();
        }
        return String.valueOf(last);
    }

    private String shared(String[] words) throws Exception {
        SharedCount count = counts.get(words[1]);
        switch (words[2]) {
            case "start":
                count = new SharedCount(client, words[1], Integer.parseInt(words[3]));
                count.start();
                counts.put(words[1], count);
                open.add(count);
                return String.valueOf(count.getCount());
            case "set":
                count.setCount(Integer.parseInt(words[3]));
                return "set";
            case "try":
                return String.valueOf(count.trySetCount(count.getVersionedValue(), Integer.parseInt(words[3])));
            default:
                for (int tries = 0; tries < WAIT_SECONDS * 100 && count.getCount() != Integer.parseInt(words[3]); tries++) {
                    Thread.sleep(10);
                }
                return String.valueOf(count.getCount());
        }
    }

    private QueueBase<String> queue(String kind, QueueConsumer<String> takes, String path) throws Exception {
        QueueBuilder<String> builder = QueueBuilder.builder(client, takes, TEXT, path).lockPath(path + "-locks");
        QueueBase<String> queue = kind.equals("plain") ? builder.buildQueue() : kind.equals("priority") ? builder.buildPriorityQueue(0)
                : kind.equals("delay") ? builder.buildDelayQueue() : builder.buildIdQueue();
        queue.start();
        open.add(queue);
        return queue;
    }

    /** Puts items. The words: put, kind, path, what the kind wants, items. */
    private String put(String[] words) throws Exception {
        QueueBase<String> queue = queue(words[1], null, words[2]);
        for (int at = 4; at < words.length; at++) {
            if (queue instanceof DistributedQueue) {
                ((DistributedQueue<String>) queue).put(words[at]);
            } else if (queue instanceof DistributedPriorityQueue) {
                ((DistributedPriorityQueue<String>) queue).put(words[at], Integer.parseInt(words[3]));
            } else if (queue instanceof DistributedDelayQueue) {
                ((DistributedDelayQueue<String>) queue).put(words[at], System.currentTimeMillis() + Integer.parseInt(words[3]));
            } else {
                ((DistributedIdQueue<String>) queue).put(words[at], words[3]);
            }
        }
        return queue.flushPuts(WAIT_SECONDS, TimeUnit.SECONDS) ? "put" : "not put";
    }

    /** Waits for so many items to be consumed. */
    private String got(int count) throws Exception {
        List<String> items = new ArrayList<>();
        while (items.size() < count) {
            items.add(String.valueOf(got.poll(WAIT_SECONDS, TimeUnit.SECONDS)));
        }
        return String.join(" ", items);
    }

    private String simple(String[] words) throws Exception {
        SimpleDistributedQueue queue = new SimpleDistributedQueue(client, words[2]);
        if (words[1].equals("offer")) {
            queue.offer(words[3].getBytes(StandardCharsets.UTF_8));
            return "offered";
        }
        return new String(queue.poll(WAIT_SECONDS, TimeUnit.SECONDS), StandardCharsets.UTF_8);
    }

    private String act(String[] words) throws Exception {
        switch (words[0]) {
            case "count":
                return count(words[1], words[2], Integer.parseInt(words[3]));
            case "shared":
                return shared(words);
            case "put":
                return put(words);
            case "consume":
                queue(words[1], consumer, words[2]);
                return "consuming";
            case "got":
                return got(Integer.parseInt(words[1]));
            case "all":
                return String.join(" ", new TreeSet<>(got));
            case "remove":
                return String.valueOf(((DistributedIdQueue<String>) queue("id", null, words[1])).remove(words[2]));
            case "simple":
                return simple(words);
            case "rest":
                for (Closeable each : open) {
                    each.close();
                }
                open.clear();
                return "resting";
            default:
                throw new IllegalArgumentException(words[0]);
        }
    }

    public static void main(String[] arguments) throws Exception {
        Values values = new Values(arguments[0]);
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String answer;
            try {
                answer = values.act(line.split(" "));
            } catch (Exception error) {
                answer = "failed: " + error;
            }
            System.out.println(answer);
        }
        values.act(new String[] {"rest"});
        values.client.close();
    }
}
