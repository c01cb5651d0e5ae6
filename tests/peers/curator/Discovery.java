import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.x.discovery.DownInstancePolicy;
import org.apache.curator.x.discovery.ProviderStrategy;
import org.apache.curator.x.discovery.ServiceCache;
import org.apache.curator.x.discovery.ServiceDiscovery;
import org.apache.curator.x.discovery.ServiceDiscoveryBuilder;
import org.apache.curator.x.discovery.ServiceInstance;
import org.apache.curator.x.discovery.ServiceProvider;
import org.apache.curator.x.discovery.ServiceType;
import org.apache.curator.x.discovery.UriSpec;
import org.apache.curator.x.discovery.details.ServiceCacheListener;
import org.apache.curator.x.discovery.strategies.RandomStrategy;
import org.apache.curator.x.discovery.strategies.RoundRobinStrategy;
import org.apache.curator.x.discovery.strategies.StickyStrategy;
import org.apache.zookeeper.Watcher;

/** Service discovery. */
final class Discovery {
    static void add() {
        Recipes.add("service_discovery", Discovery::discovery);
        Recipes.add("service_discovery_of_ended_session", Discovery::endedSession);
        Recipes.add("service_cache", Discovery::cache);
        Recipes.add("service_provider", Discovery::provider);
    }

    private static ServiceInstance<String> instance(String id, int port, ServiceType type) throws Exception {
        return ServiceInstance.<String>builder().name("web").id(id).address("127.0.0.1").port(port).payload("of " + id)
                .uriSpec(new UriSpec("{scheme}://{address}:{port}")).serviceType(type).build();
    }

    private static ServiceDiscovery<String> started(Bench bench, CuratorFramework client, ServiceInstance<String> ours) throws Exception {
        ServiceDiscoveryBuilder<String> builder = ServiceDiscoveryBuilder.builder(String.class).client(client).basePath(bench.path);
        ServiceDiscovery<String> discovery = bench.closing((ours == null ? builder : builder.thisInstance(ours)).build());
        discovery.start();
        return discovery;
    }

    private static void discovery(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        ServiceDiscovery<String> one = started(bench, client, instance("a", 1, ServiceType.DYNAMIC));
        ServiceDiscovery<String> two = started(bench, bench.client(), null);
        ServiceInstance<String> fixed = instance("b", 2, ServiceType.STATIC);
        two.registerService(fixed);
        two.registerService(instance("c", 3, ServiceType.DYNAMIC_SEQUENTIAL));
        Bench.same(Set.of("web"), new HashSet<>(one.queryForNames()));
        Bench.same(3, one.queryForInstances("web").size());
        Bench.same("of a", two.queryForInstance("web", "a").getPayload());
        Bench.same("http://127.0.0.1:1", two.queryForInstance("web", "a").buildUriSpec());
        Bench.yes(client.checkExists().forPath(bench.path + "/web/a").getEphemeralOwner() != 0, "dynamic instances are ephemeral");
        Bench.same(0L, client.checkExists().forPath(bench.path + "/web/b").getEphemeralOwner());
        two.updateService(ServiceInstance.<String>builder().name("web").id("b").port(9).serviceType(ServiceType.STATIC).build());
        Bench.same(9, one.queryForInstance("web", "b").getPort());
        two.unregisterService(fixed);
        Bench.same(null, one.queryForInstance("web", "b"));
    }

    private static void endedSession(Bench bench) throws Exception {
        CuratorFramework client = bench.client();
        CuratorFramework other = bench.client();
        started(bench, client, instance("a", 1, ServiceType.DYNAMIC));
        long before = other.checkExists().forPath(bench.path + "/web/a").getEphemeralOwner();
        BlockingQueue<Watcher.Event.EventType> events = new LinkedBlockingQueue<>();
        other.checkExists().usingWatcher((Watcher) event -> events.add(event.getType())).forPath(bench.path + "/web/a");
        bench.endSession(client);
        Bench.same(Watcher.Event.EventType.NodeDeleted, Bench.next(events));
        Bench.there(other, bench.path + "/web/a");
        Bench.yes(other.checkExists().forPath(bench.path + "/web/a").getEphemeralOwner() != before, "registered again");
    }

    private static void cache(Bench bench) throws Exception {
        ServiceDiscovery<String> one = started(bench, bench.client(), instance("a", 1, ServiceType.DYNAMIC));
        ServiceDiscovery<String> two = started(bench, bench.client(), null);
        ServiceCache<String> cache = bench.closing(two.serviceCacheBuilder().name("web").build());
        BlockingQueue<Integer> sizes = new LinkedBlockingQueue<>();
        cache.start();
        Bench.same(1, cache.getInstances().size());
        cache.addListener(new ServiceCacheListener() {
            @Override
            public void cacheChanged() {
                sizes.add(cache.getInstances().size());
            }

            @Override
            public void stateChanged(CuratorFramework client, ConnectionState state) {
            }
        });
        ServiceInstance<String> second = instance("b", 2, ServiceType.DYNAMIC);
        one.registerService(second);
        Bench.until(sizes, 2);
        one.unregisterService(second);
        Bench.until(sizes, 1);
    }

    private static ServiceProvider<String> provider(Bench bench, ServiceDiscovery<String> discovery, ProviderStrategy<String> strategy) throws Exception {
        ServiceProvider<String> provider = bench.closing(discovery.serviceProviderBuilder().serviceName("web").providerStrategy(strategy)
                .downInstancePolicy(new DownInstancePolicy(1, TimeUnit.HOURS, 1)).additionalFilter(instance -> instance.getPort() < 100).build());
        provider.start();
        return provider;
    }

    private static void provider(Bench bench) throws Exception {
        ServiceDiscovery<String> discovery = started(bench, bench.client(), null);
        for (String id : List.of("a", "b", "c")) {
            discovery.registerService(instance(id, 1, ServiceType.DYNAMIC));
        }
        discovery.registerService(instance("filtered", 100, ServiceType.DYNAMIC));
        ServiceProvider<String> round = provider(bench, discovery, new RoundRobinStrategy<>());
        Set<String> ids = Set.of(round.getInstance().getId(), round.getInstance().getId(), round.getInstance().getId());
        Bench.same(Set.of("a", "b", "c"), ids);
        ServiceInstance<String> down = round.getInstance();
        round.noteError(down);
        Collection<String> up = round.getAllInstances().stream().map(ServiceInstance::getId).collect(Collectors.toSet());
        Bench.yes(up.size() == 2 && !up.contains(down.getId()), "one is down: " + up);
        ServiceProvider<String> sticky = provider(bench, discovery, new StickyStrategy<>(new RandomStrategy<>()));
        String id = sticky.getInstance().getId();
        for (int again = 0; again < 5; again++) {
            Bench.same(id, sticky.getInstance().getId());
        }
    }
}
