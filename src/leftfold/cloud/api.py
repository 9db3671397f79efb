"""How commands and queries are called from outside: a function URL each, or one HTTP API."""

from __future__ import annotations

from typing import Final

from leftfold.cloud.functions import log_of, tags
from leftfold.cloud.grants import allow, policy
from leftfold.cloud.graph import Function, Graph
from leftfold.cloud.template import Json, att, ref, sub

ROUTES: Final = {
    "commands": {"Commands": "POST /commands/{proxy+}"},
    "queries": {
        "View": "GET /views/{proxy+}",
        "Stream": "GET /streams/{proxy+}",
        "Health": "GET /health",
    },
}
BURST: Final = 500  # calls at once that the API lets through
RATE: Final = 1000  # calls a second; both are the account's to raise


def resources(graph: Graph) -> Json:
    called = [one for one in graph.functions if graph.woken(one, "call") and one.kind in ROUTES]
    match graph.settings.api.kind:
        case "function-url":
            return _urls(graph, called)
        case "http-api":
            return _http(graph, called)
        case "none":
            return {}


def outputs(graph: Graph) -> Json:
    """Where callers find them."""
    called = [one for one in graph.functions if graph.woken(one, "call") and one.kind in ROUTES]
    match graph.settings.api.kind:
        case "function-url":
            return {f"{one.id}Url": {"Value": att(f"{one.id}Url", "FunctionUrl")} for one in called}
        case "http-api":
            return {"ApiUrl": {"Value": att("Api", "ApiEndpoint")}}
        case "none":
            return {}


def _urls(graph: Graph, called: list[Function]) -> Json:
    """URLs for callers who sign, and the policy that lets them call: give it to their roles."""
    found: Json = {
        f"{one.id}Url": {
            "Type": "AWS::Lambda::Url",
            "Properties": {
                "TargetFunctionArn": ref(f"{one.id}Function"),
                "AuthType": "AWS_IAM",
                "InvokeMode": "BUFFERED",
            },
        }
        for one in called
    }
    calls = allow("Call", ("lambda:InvokeFunctionUrl",), [att(f"{one.id}Function") for one in called])
    through = allow("Through", ("lambda:InvokeFunction",), [att(f"{one.id}Function") for one in called])
    through["Condition"] = {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}
    return found | _callers(graph, [calls, through])


def _callers(graph: Graph, rights: list[Json]) -> Json:
    """For the roles of callers who sign."""
    told = {"Description": f"May call {graph.name}", "PolicyDocument": policy(rights)}
    return {"CallersPolicy": {"Type": "AWS::IAM::ManagedPolicy", "Properties": told}}


def _http(graph: Graph, called: list[Function]) -> Json:
    found: Json = {
        "Api": {
            "Type": "AWS::ApiGatewayV2::Api",
            "Properties": {
                "Name": graph.name,
                "ProtocolType": "HTTP",
                "Tags": {tag["Key"]: tag["Value"] for tag in tags(graph)},
            },
        },
        "ApiLog": log_of(graph, f"/aws/apigateway/{graph.name}"),
        "ApiStage": {
            "Type": "AWS::ApiGatewayV2::Stage",
            "Properties": {
                "ApiId": ref("Api"),
                "StageName": "$default",
                "AutoDeploy": True,
                "DefaultRouteSettings": {
                    "ThrottlingBurstLimit": BURST,
                    "ThrottlingRateLimit": RATE,
                    "DetailedMetricsEnabled": True,
                },
                "AccessLogSettings": {"DestinationArn": att("ApiLog"), "Format": LOG_FORMAT},
            },
        },
    }
    if graph.settings.api.auth == "jwt":
        found["ApiAuthorizer"] = _jwt(graph)
    else:
        every = sub("arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*")
        found |= _callers(graph, [allow("Call", ("execute-api:Invoke",), [every])])
    for one in called:
        found |= _integrated(graph, one)
    return found


LOG_FORMAT: Final = (
    '{"request":"$context.requestId","method":"$context.httpMethod","route":"$context.routeKey",'
    '"status":"$context.status","ms":"$context.responseLatency","error":"$context.integrationErrorMessage"}'
)
"""No path, no key, no body: a stream's key may be somebody's name."""


def _jwt(graph: Graph) -> Json:
    api = graph.settings.api
    return {
        "Type": "AWS::ApiGatewayV2::Authorizer",
        "Properties": {
            "ApiId": ref("Api"),
            "Name": "jwt",
            "AuthorizerType": "JWT",
            "IdentitySource": ["$request.header.Authorization"],
            "JwtConfiguration": {"Issuer": api.issuer, "Audience": list(api.audience)},
        },
    }


def _integrated(graph: Graph, function: Function) -> Json:
    found: Json = {
        f"{function.id}Integration": {
            "Type": "AWS::ApiGatewayV2::Integration",
            "Properties": {
                "ApiId": ref("Api"),
                "IntegrationType": "AWS_PROXY",
                "IntegrationUri": att(f"{function.id}Function"),
                "PayloadFormatVersion": "2.0",
            },
        },
        f"{function.id}Permission": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "Action": "lambda:InvokeFunction",
                "FunctionName": ref(f"{function.id}Function"),
                "Principal": "apigateway.amazonaws.com",
                "SourceArn": sub("arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*"),
            },
        },
    }
    for name, route in ROUTES[function.kind].items():
        found[f"{name}Route"] = _route(graph, function, route)
    return found


def _route(graph: Graph, function: Function, route: str) -> Json:
    properties: Json = {
        "ApiId": ref("Api"),
        "RouteKey": route,
        "Target": sub(f"integrations/${{{function.id}Integration}}"),
        "AuthorizationType": "AWS_IAM",
    }
    if graph.settings.api.auth == "jwt":
        properties |= {"AuthorizationType": "JWT", "AuthorizerId": ref("ApiAuthorizer")}
    return {"Type": "AWS::ApiGatewayV2::Route", "Properties": properties}
