// The API of ../protect.rs on Node: Express, and jose with the keys of a Countersign server.

import express from "express";
import { createRemoteJWKSet, errors, jwtVerify } from "jose";

const issuer = process.env.ISSUER ?? "http://localhost:8080";
const jwks = process.env.JWKS ?? `${issuer}/.well-known/jwks.json`;
const port = Number(process.env.PORT ?? 3000);

const keys = createRemoteJWKSet(new URL(jwks), { cacheMaxAge: 300_000, timeoutDuration: 5_000 });
const wanted = {
  typ: "at+jwt",
  algorithms: ["ES256"],
  issuer,
  audience: issuer,
  requiredClaims: ["exp", "iat", "sub", "jti"],
};

const refuse = (response, status, error, challenge) => {
  if (challenge) response.set("WWW-Authenticate", challenge);
  response.status(status).json({ error });
};

// Not the token's fault: the keys cannot be fetched.
const isUnavailable = (error) =>
  !(error instanceof errors.JOSEError) ||
  ["ERR_JOSE_GENERIC", "ERR_JWKS_TIMEOUT", "ERR_JWKS_INVALID"].includes(error.code);

const authenticate = async (request, response, next) => {
  const [scheme, token] = (request.get("authorization") ?? "").split(" ");
  if (scheme.toLowerCase() !== "bearer") {
    return refuse(response, 401, "unauthenticated", "Bearer");
  }
  try {
    const { payload } = await jwtVerify(token, keys, wanted);
    response.locals.claims = payload;
  } catch (error) {
    if (isUnavailable(error)) return refuse(response, 503, "temporarily_unavailable");
    return refuse(response, 401, "invalid_token", 'Bearer error="invalid_token"');
  }
  next();
};

const demandRole = (role) => (_request, response, next) => {
  const { roles } = response.locals.claims;
  if (Array.isArray(roles) && roles.includes(role)) return next();
  refuse(response, 403, "insufficient_scope", 'Bearer error="insufficient_scope"');
};

const app = express();
app.get("/healthz", (_request, response) => response.send("well"));
// What is named above is public, and nothing else.
app.use(authenticate);
app.get("/me", (_request, response) => response.send(response.locals.claims.sub));
app.get("/admin", demandRole("admin"), (_request, response) => response.send("hello, admin"));
app.listen(port, "127.0.0.1");
