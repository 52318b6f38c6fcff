"""Packaging: `ralm` the library, `jobs` the entry points, `udfs` what runs in executors' Python workers."""

from setuptools import find_packages, setup

MACHINE = "jobs.machine"

setup(
    name="ralm",
    version="0.1.0",
    description="Look-alike audiences at billion-user scale on Spark: RALM and the methods beside it",
    license="Apache-2.0",
    packages=[*find_packages(include=["ralm", "ralm.*", "jobs", "jobs.*", "udfs", "udfs.*"]), MACHINE],
    # Spark's settings and the check of Java go into the wheel, too (`jobs.cli.submission.machine_files`).
    package_dir={MACHINE: "conf"},
    package_data={"ralm.report": ["*.html", "*.css"], MACHINE: ["check-machine.sh", "spark/*"]},
    entry_points={"console_scripts": ["ralm = jobs.cli.submission:command"]},
    python_requires=">=3.11,<3.13",
    install_requires=[
        "pyspark>=4.2,<4.3",
        "delta-spark>=4.4,<4.5",
        "torch>=2.5",
        "petastorm==0.13.1",
        "pyarrow>=26,<27",
        "numpy>=2.4,<3",
        "pandas>=2.3,<3",
        "pydantic>=2.9,<3",
        "pyyaml>=6",
        "scipy",
        "scikit-learn>=1.5",
        "threadpoolctl",
        "matplotlib",
        "jinja2",
        "tensorboard",
        "lmdb>=1.4",
        "deltalake>=1.6,<2",  # `status` reads small tables without Spark
    ],
    extras_require={
        "connect": ["pyspark[connect]>=4.2,<4.3"],  # `ralm.open` in a session of Spark Connect
        "excel": ["openpyxl>=3.1,<4"],  # lists of users in .xlsx
        "lmdb": ["lmdb>=1.4"],  # what a service that reads LMDB files needs, beside numpy
        # Releases as runs of MLflow; its skinny package has all that is used, SQLAlchemy and Alembic a local database.
        "mlflow": ["mlflow-skinny>=3.1,<4", "sqlalchemy>=2,<3", "alembic>=1.13"],
        "openlineage": ["openlineage-python>=1.40,<2"],  # steps as runs of OpenLineage
        "redis": ["redis>=5"],  # serving from a Redis server
    },
)
