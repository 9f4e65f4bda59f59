# leakfirst with git, for CI systems and Kubernetes. Mount the repository at /work: docker run --rm -v "$PWD:/work:ro" IMAGE scan .
# The digest is that of the index for all platforms; Dependabot (.github/dependabot.yml) proposes a newer one.
FROM python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b AS build
RUN apt-get update && apt-get install --no-install-recommends --yes gcc libc6-dev git && rm -rf /var/lib/apt/lists/*
COPY . /source
RUN /source/install.sh /opt/leakfirst

FROM python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b
RUN apt-get update && apt-get install --no-install-recommends --yes git && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 leakfirst \
    && git config --system --add safe.directory '*'
COPY --from=build /opt/leakfirst /opt/leakfirst
USER leakfirst
WORKDIR /work
ENV PATH=/opt/leakfirst/bin:$PATH
ENTRYPOINT ["leakfirst"]
CMD ["--help"]
