import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.RetryNTimes;
import org.apache.curator.x.discovery.ServiceCache;
import org.apache.curator.x.discovery.ServiceDiscovery;
import org.apache.curator.x.discovery.ServiceDiscoveryBuilder;
import org.apache.curator.x.discovery.ServiceInstance;
import org.apache.curator.x.discovery.ServiceProvider;
import org.apache.curator.x.discovery.ServiceType;
import org.apache.curator.x.discovery.UriSpec;
import org.apache.curator.x.discovery.details.ServiceCacheListener;

/**
 * Registers and finds services with Curator's x-discovery. Arguments: connection string, base path. Takes a line for each thing to do from its
 * standard input, the words divided by spaces, and answers each with a line.
 */
public final class Services {
    private static final int WAIT_SECONDS = 30;
    private final CuratorFramework client;
    private final ServiceDiscovery<Object> discovery;
    private final Map<String, ServiceInstance<Object>> ours = new HashMap<>();

    private Services(String servers, String path) throws Exception {
        client = CuratorFrameworkFactory.newClient(servers, 6000, WAIT_SECONDS * 1000, new RetryNTimes(50, 100));
        client.start();
        discovery = ServiceDiscoveryBuilder.builder(Object.class).client(client).basePath(path).build();
        discovery.start();
    }

    private static String told(Collection<ServiceInstance<Object>> instances) {
        TreeSet<String> lines = new TreeSet<>();
        for (ServiceInstance<Object> instance : instances) {
            String kind = instance.getPayload() == null ? "null" : instance.getPayload().getClass().getSimpleName();
            lines.add(String.join("|", instance.getId(), instance.buildUriSpec(), kind, String.valueOf(instance.getPayload()),
                    instance.getServiceType().name(), String.valueOf(instance.isEnabled())));
        }
        return String.join(" ", lines);
    }

    private static Object payload(String word) {
        switch (word) {
            case "map":
                return new HashMap<>(Map.of("k", 5));
            case "list":
                return new ArrayList<>(List.of("a", 1));
            case "long":
                return 1L << 40;
            default:
                return word;
        }
    }

    private String register(String name, String id, int port, String payload, ServiceType type) throws Exception {
        ServiceInstance<Object> instance = ServiceInstance.builder().name(name).id(id).address("127.0.0.1").port(port).payload(payload(payload))
                .serviceType(type).uriSpec(new UriSpec("{scheme}://{address}:{port}/{id}")).build();
        discovery.registerService(instance);
        ours.put(id, instance);
        return "registered";
    }

    /** Follows a service until it has so many instances. */
    private String await(String name, int count) throws Exception {
        LinkedBlockingQueue<Integer> sizes = new LinkedBlockingQueue<>();
        try (ServiceCache<Object> cache = discovery.serviceCacheBuilder().name(name).build()) {
            cache.addListener(new ServiceCacheListener() {
                @Override
                public void cacheChanged() {
                    sizes.add(cache.getInstances().size());
                }

                @Override
                public void stateChanged(CuratorFramework source, ConnectionState state) {
                }
            });
            cache.start();
            sizes.add(cache.getInstances().size());
            while (true) {
                Integer size = sizes.poll(WAIT_SECONDS, TimeUnit.SECONDS);
                if (size == null || size == count) {
                    return told(cache.getInstances());
                }
            }
        }
    }

    private String choose(String name, int times) throws Exception {
        TreeSet<String> ids = new TreeSet<>();
        try (ServiceProvider<Object> provider = discovery.serviceProviderBuilder().serviceName(name).build()) {
            provider.start();
            for (int time = 0; time < times; time++) {
                ids.add(provider.getInstance().getId());
            }
        }
        return String.join(" ", ids);
    }

    private String done(String[] words) throws Exception {
        switch (words[0]) {
            case "register":
                return register(words[1], words[2], Integer.parseInt(words[3]), words[4], ServiceType.valueOf(words[5]));
            case "unregister":
                discovery.unregisterService(ours.remove(words[1]));
                return "unregistered";
            case "names":
                return String.join(" ", new TreeSet<>(discovery.queryForNames()));
            case "find":
                return told(discovery.queryForInstances(words[1]));
            case "await":
                return await(words[1], Integer.parseInt(words[2]));
            case "choose":
                return choose(words[1], Integer.parseInt(words[2]));
            default:
                throw new IllegalArgumentException(words[0]);
        }
    }

    public static void main(String[] arguments) throws Exception {
        Services services = new Services(arguments[0], arguments[1]);
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            String answer;
            try {
                answer = services.done(line.split(" "));
            } catch (Exception error) {
                answer = "failed " + error;
            }
            System.out.println(answer);
        }
        services.discovery.close();
        services.client.close();
    }
}
