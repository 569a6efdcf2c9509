# syntax=docker/dockerfile:1
# An image of one component from source, for who has a registry with Go's image:
#
#   docker build --build-arg COMPONENT=reseller-sandbox --build-arg VERSION=1.2.3 .
#
# `make image` makes the same of a binary that is built outside (Dockerfile.prebuilt).
ARG GO_VERSION=1.26
FROM --platform=$BUILDPLATFORM golang:${GO_VERSION} AS build
ARG COMPONENT=reseller-issuer
ARG VERSION=unknown
ARG TARGETOS=linux
ARG TARGETARCH=amd64
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go -C cmd/$COMPONENT build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /app .

# The static binary alone: it carries its own root certificates and time zones, runs as
# nobody, and writes nothing.
FROM scratch
ARG COMPONENT=reseller-issuer
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="${COMPONENT}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="https://github.com/reseller-issuer/reseller-issuer" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /app /app
USER 65532:65532
ENTRYPOINT ["/app"]
