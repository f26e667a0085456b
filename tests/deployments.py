"""A sizing of known things in one line."""

from membound.cost.kv import KVPolicy
from membound.cost.sizing import Sizing
from membound.cost.tables import find_device, find_model
from membound.cost.weights import model_weights


def deployment(model="llama-3.1-8b", weights="bf16", device="h100-sxm", *, engine="exact", **rest):
    spec = find_model(model)
    policy = {key: rest.pop(key) for key in tuple(rest) if key in KVPolicy.__dataclass_fields__}
    return Sizing(
        spec,
        model_weights(spec, weights),
        find_device(device),
        KVPolicy(engine, **policy),
        **{"context": 4096} | rest,
    )
