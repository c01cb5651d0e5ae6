// Pins the Go client whose own tests run against txzk.
module txzk/peers

go 1.20

require github.com/go-zookeeper/zk v1.0.4
