"""MLServer's model: hands the input tensor back without a look at its numbers, which is the least it can do."""

from mlserver import MLModel
from mlserver.types import InferenceResponse, ResponseOutput


class EchoModel(MLModel):
    async def load(self):
        return True

    async def predict(self, payload):
        given = payload.inputs[0]
        output = ResponseOutput.model_construct(
            name="y", shape=given.shape, datatype=given.datatype, parameters=None, data=given.data
        )
        return InferenceResponse.model_construct(
            id=payload.id, model_name=self.name, model_version=None, parameters=None, outputs=[output]
        )
