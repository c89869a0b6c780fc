import schemathesis, pytest
from hypothesis import HealthCheck, Phase, settings, given
from schemathesis import GenerationMode
from tests.integration.inference.test_predict import serving
from tests.integration.inference.test_describe_api import GATEWAY
from tests.gateway import KEY
from tests.plant import MODEL
from collections import Counter

@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("path", ["predictions", "versions/{version}/predictions", "outcomes"])
def test_fuzz(serving, path, mode):
    schema = schemathesis.openapi.from_wsgi("/v1/openapi.json", GATEWAY, headers={"x-api-key": KEY})
    operation = schema[f"/models/{MODEL}/{path}"]["POST"]
    seen = Counter()
    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
    def check(case):
        r = case.call_and_validate(headers={"x-api-key": KEY})
        seen[r.status_code]+=1
    check()
    print(seen)
