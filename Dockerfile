# docker build -t drengr .   Events lie in the volume /data: the database needs its whole folder (see docs/operating.md).
FROM python:3.13-slim

RUN groupadd --system --gid 10001 drengr \
 && useradd --system --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin drengr \
 && install -d -o drengr -g drengr -m 0700 /data

COPY . /src
RUN pip install --no-cache-dir /src && rm -rf /src

USER 10001:10001
WORKDIR /data
VOLUME /data
ENV HOST=0.0.0.0 DRENGR_DATABASE=/data/drengr.db PYTHONDONTWRITEBYTECODE=1
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
  CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ.get('PORT', '8000') + '/healthz')"]
CMD ["drengr", "serve"]
