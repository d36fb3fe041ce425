"""Where users share a guarded LlamaIndex engine, one user gets another's answer."""

import threading

from guardrails import Guard
from guardrails.integrations.llama_index import GuardrailsQueryEngine
from guardrails.validator_base import PassResult, Validator, register_validator
from llama_index.core.base.response.schema import Response
from llama_index.core.query_engine import CustomQueryEngine

alice_is_validated, bob_has_his_answer = threading.Event(), threading.Event()
responses = {}


class Engine(CustomQueryEngine):
    def custom_query(self, query_str):
        return Response(response=f"for {query_str}", metadata={"documents": f"{query_str}'s"})


@register_validator("test/slow-for-alice", data_type="string")
class SlowForAlice(Validator):
    def _validate(self, value, metadata):
        if "alice" in value:
            alice_is_validated.set()
            bob_has_his_answer.wait(30)
        return PassResult()


engine = GuardrailsQueryEngine(Engine(), Guard().use(SlowForAlice()))


def query(user):
    responses[user] = engine.query(user)


thread = threading.Thread(target=query, args=("alice",))
thread.start()
alice_is_validated.wait(30)
query("bob")
bob_has_his_answer.set()
thread.join()
for user in ("alice", "bob"):
    response = responses[user]
    print(f"{user}'s answer is {response}, of {response.metadata['documents']} documents")
