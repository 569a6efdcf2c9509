# Images, bills of materials, chart and release. Nothing here is needed to work on the code.

# What images are made of: directories below cmd/, also those with a module of their own.
COMPONENTS ?= reseller-issuer reseller-sandbox dcv-hook-libdns
ARCHS ?= amd64 arm64
COMPONENT ?= reseller-issuer
ARCH ?= $(shell go env GOARCH)
# Tags of images and charts have no "v".
TAG := $(VERSION:v%=%)
IMAGE ?= $(COMPONENT):$(TAG)
# Where a release goes, as HOST/OWNER.
REGISTRY ?= localhost
DIST := dist
BUILDAH ?= buildah
REVISION := $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
# Images have the time of the commit, so that they can be built again bit by bit.
EPOCH := $(shell git log -1 --format=%ct 2>/dev/null || echo 0)

##@ Release it

.PHONY: binary
binary: ## Build COMPONENT statically for Linux on ARCH, into bin/linux-ARCH/.
	@GOOS=linux GOARCH=$(ARCH) go -C cmd/$(COMPONENT) build -ldflags '$(LDFLAGS)' -o $(CURDIR)/$(BIN)/linux-$(ARCH)/ .

.PHONY: image
image: binary ## Build the image of COMPONENT for ARCH from its binary, FROM scratch (buildah).
	@$(MAKE) --no-print-directory packages PACKAGES='buildah=buildah'
	@$(BUILDAH) bud --isolation chroot --file Dockerfile.prebuilt --os linux --arch $(ARCH) --timestamp $(EPOCH) \
		--build-arg COMPONENT=$(COMPONENT) --build-arg VERSION=$(TAG) --build-arg REVISION=$(REVISION) --build-arg TARGETARCH=$(ARCH) \
		--tag $(IMAGE) .

.PHONY: sbom
sbom: binary ## Write the bill of materials of COMPONENT for ARCH to dist/ (CycloneDX).
	@mkdir -p $(DIST)
	@$(call tool,cyclonedx-gomod) bin -json -noserial -output-version 1.5 -version $(TAG) \
		-output $(DIST)/$(COMPONENT)-linux-$(ARCH).cdx.json $(BIN)/linux-$(ARCH)/$(COMPONENT)

.PHONY: chart
chart: ## Package the Helm chart into dist/.
	@$(call tool,helm) package charts/reseller-issuer --version $(TAG) --app-version $(TAG) --destination $(DIST)

.PHONY: manifests
manifests: ## Write all that the chart installs to dist/install.yaml, for kubectl.
	@mkdir -p $(DIST)
	@{ cat config/rbac/namespace.yaml; $(call tool,helm) template reseller-issuer charts/reseller-issuer --namespace reseller-issuer \
		--set-string image.tag=$(TAG),image.repository=$(REGISTRY)/reseller-issuer; } > $(DIST)/install.yaml

.PHONY: login
login: ## Log in to REGISTRY as REGISTRY_USER with REGISTRY_PASSWORD.
	@mkdir -p $$HOME/.docker
	@printf '%s' "$$REGISTRY_PASSWORD" | $(BUILDAH) login --authfile $$HOME/.docker/config.json --username "$$REGISTRY_USER" --password-stdin $(firstword $(subst /, ,$(REGISTRY)))

.PHONY: push
push: ## Build and push the images of all components to REGISTRY, and the chart.
	@mkdir -p $(DIST)
	@for component in $(COMPONENTS); do \
		index=$(REGISTRY)/$$component:$(TAG); \
		$(BUILDAH) manifest create $$index; \
		for arch in $(ARCHS); do \
			$(MAKE) --no-print-directory image sbom COMPONENT=$$component ARCH=$$arch IMAGE=$$index-$$arch; \
			$(BUILDAH) manifest add $$index $$index-$$arch; \
		done; \
		REGISTRY_AUTH_FILE=$$HOME/.docker/config.json $(BUILDAH) manifest push --all --digestfile $(DIST)/$$component.digest $$index docker://$$index; \
	done
	@$(MAKE) --no-print-directory chart
	@$(call tool,helm) push $(DIST)/reseller-issuer-$(TAG).tgz oci://$(REGISTRY)/charts 2>&1 | tee /dev/stderr | sed -n 's/^Digest: //p' > $(DIST)/chart.digest

.PHONY: digests
digests: # Print what was pushed as NAME=DIGEST, for the workflow.
	@for component in $(COMPONENTS); do echo "$$component=$$(cat $(DIST)/$$component.digest)"; done
	@echo "chart=$$(cat $(DIST)/chart.digest)"

.PHONY: sign
sign: ## Sign what was pushed, and attest the bills of materials (cosign).
	@for component in $(COMPONENTS); do \
		image=$(REGISTRY)/$$component@$$(cat $(DIST)/$$component.digest); \
		cosign sign --yes $$image; \
		for arch in $(ARCHS); do cosign attest --yes --type cyclonedx --predicate $(DIST)/$$component-linux-$$arch.cdx.json $$image; done; \
	done
	@cosign sign --yes $(REGISTRY)/charts/reseller-issuer@$$(cat $(DIST)/chart.digest)

.PHONY: publish
publish: manifests ## Make the release VERSION on GitHub with chart, manifests and bills of materials (gh).
	@cd $(DIST) && sha256sum *.tgz *.json install.yaml > SHA256SUMS
	@gh release create $(VERSION) --verify-tag --generate-notes $(DIST)/*.tgz $(DIST)/*.json $(DIST)/install.yaml $(DIST)/SHA256SUMS
