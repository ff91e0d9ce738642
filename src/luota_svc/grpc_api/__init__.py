"""DOOR: the contract over gRPC. Metadata becomes a `Call`, a model error becomes a status; no rules, no SQL."""

from luota_svc.grpc_api.observing import Hooks
from luota_svc.grpc_api.server import AddressTaken, GrpcServer

__all__ = ["AddressTaken", "GrpcServer", "Hooks"]
