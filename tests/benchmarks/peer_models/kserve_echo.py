"""KServe's model: hands the input tensor back, by way of numpy as its documentation shows."""

from kserve import InferOutput, InferResponse, Model, ModelServer


class EchoModel(Model):
    def __init__(self):
        super().__init__("echo")
        self.ready = True

    async def predict(self, payload, headers=None, response_headers=None):
        given = payload.inputs[0]
        output = InferOutput(name="y", shape=given.shape, datatype=given.datatype)
        output.set_data_from_numpy(given.as_numpy(), binary_data=True)
        return InferResponse(response_id=payload.id or "", model_name=self.name, infer_outputs=[output])


if __name__ == "__main__":
    ModelServer().start([EchoModel()])
