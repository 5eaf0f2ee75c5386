// jose, with the server's JWK set.

import { readFileSync } from "node:fs";
import { createRemoteJWKSet, jwtVerify } from "jose";

const order = JSON.parse(readFileSync(0, "utf8"));
const keys = createRemoteJWKSet(new URL(order.jwks));
const wanted = {
  typ: "at+jwt",
  algorithms: ["ES256"],
  issuer: order.issuer,
  audience: order.audience,
  requiredClaims: ["exp", "iat", "sub", "jti"],
};

const verify = (token) =>
  jwtVerify(token, keys, wanted).then(
    ({ payload }) => payload,
    (error) => ({ refused: error.code ?? error.name }),
  );

const verdicts = {};
for (const [name, token] of Object.entries(order.tokens)) verdicts[name] = await verify(token);
console.log(JSON.stringify(verdicts));
