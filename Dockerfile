# syntax=docker/dockerfile:1
# The static binary alone: it carries its own root certificates, runs as nobody, and
# writes nothing. `make image` builds it from the binary in bin/; no registry is needed.
FROM scratch
COPY bin/reseller-issuer /reseller-issuer
USER 65532:65532
ENTRYPOINT ["/reseller-issuer"]
