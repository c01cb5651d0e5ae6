import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.HashSet;
import java.util.Set;

/** A TCP proxy in front of the server that can be cut, and that can lose what the server says before it is cut. */
final class Wire implements AutoCloseable {
    final int port;
    private final int serverPort;
    private final Set<Socket> sockets = new HashSet<>();
    private ServerSocket listening;
    private boolean swallowing;

    Wire(int serverPort) throws IOException {
        this.serverPort = serverPort;
        listening = new ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"));
        port = listening.getLocalPort();
        accept(listening);
    }

    /** Ends all connections and lets no new ones in. */
    synchronized void cut() throws IOException {
        listening.close();
        for (Socket socket : sockets) {
            socket.close();
        }
        sockets.clear();
        swallowing = false;
    }

    /** Lets connections in again. */
    synchronized void mend() throws IOException {
        ServerSocket again = new ServerSocket();
        again.setReuseAddress(true);
        again.bind(new InetSocketAddress("127.0.0.1", port));
        listening = again;
        accept(again);
    }

    /** From here on nothing that the server says arrives; at its next word the connections are cut, and new ones are let in. */
    synchronized void loseNextReply() {
        swallowing = true;
    }

    @Override
    public void close() throws IOException {
        cut();
    }

    private void accept(ServerSocket on) {
        start(() -> {
            while (true) {
                Socket client = on.accept();
                Socket server = new Socket("127.0.0.1", serverPort);
                synchronized (this) {
                    sockets.add(client);
                    sockets.add(server);
                }
                start(() -> copy(client, server, false));
                start(() -> copy(server, client, true));
            }
        });
    }

    private void copy(Socket from, Socket to, boolean replies) throws IOException {
        try {
            InputStream input = from.getInputStream();
            OutputStream output = to.getOutputStream();
            byte[] buffer = new byte[65536];
            int size;
            while ((size = input.read(buffer)) >= 0) {
                if (replies && lost()) {
                    break;
                }
                output.write(buffer, 0, size);
            }
        } finally {
            from.close();
            to.close();
        }
    }

    private synchronized boolean lost() {
        boolean lost = swallowing;
        swallowing = false;
        return lost;
    }

    private interface Work {
        void run() throws IOException;
    }

    private static void start(Work work) {
        Thread thread = new Thread(() -> {
            try {
                work.run();
            } catch (IOException closed) {
                // The end of a connection, or of the proxy.
            }
        });
        thread.setDaemon(true);
        thread.start();
    }
}
