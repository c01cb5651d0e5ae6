"""The election of a leader: FastLeaderElection, and the connections that its notifications travel over (floor 3)."""
