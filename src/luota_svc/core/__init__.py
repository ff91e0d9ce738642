"""The protobuf-defined service: one method an RPC, message in, message out, no transport. No rules, no SQL."""
