# An image with the command `ralm`: Python 3.11, Java 17, Spark 4.2 with Delta's jars, and the wheel of this project.
#     docker build -t ralm:0.1.0 .                            with torch's libraries for accelerators: --build-arg KIND=cuda
#     docker run --rm -v "$PWD:/data" ralm:0.1.0 pipeline --config /data/mine.yaml
# What RUN does beside Debian's packages is in conf/image.sh, which a test runs where there is no engine.
FROM python:3.11-slim-bookworm AS base
RUN apt-get update \
    && apt-get install --yes --no-install-recommends openjdk-17-jre-headless procps \
    && rm -rf /var/lib/apt/lists/*

FROM base AS build
ARG KIND=cpu
COPY . /source
RUN /source/conf/image.sh /opt/ralm "$KIND"

FROM base
# Numbers, so that Kubernetes can tell that the user is not root.
RUN useradd --uid 1000 --create-home ralm && install --directory --owner ralm /data
COPY --from=build /opt/ralm /opt/ralm
ENV PATH=/opt/ralm/bin:$PATH
USER 1000
WORKDIR /data
ENTRYPOINT ["ralm"]
CMD ["--help"]
