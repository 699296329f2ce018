/// Version of the tool, as reports and `--version` state it.
public let version = "0.1.0"
