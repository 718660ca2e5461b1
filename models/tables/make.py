#!/usr/bin/env python3
"""Makes small tables of facts for the tests: the same rows as CSV and, by pyarrow, as Parquet.

    pip install pyarrow
    python models/tables/make.py
"""

import datetime
import decimal
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq

HERE = pathlib.Path(__file__).parent
UTC = datetime.timezone.utc
D = decimal.Decimal


def write(name, columns, **options):
    options.setdefault("compression", "snappy")
    pq.write_table(pa.table(columns), HERE / f"{name}.parquet", **options)


def products():
    write("products", {
        "sku": ["0041", "0042", "0043"],
        "name.en": ["Oat milk 1 L", "Rye bread", "Espresso beans"],
        "name.de": ["Haferdrink 1 l", None, "Espressobohnen"],
        "category": pa.array(["dairy/milk", "bakery/bread", "drinks/coffee"]).dictionary_encode(),
        "size.text": ["1 L", None, "250 g"],
        "size.quantity": pa.array([1.0, None, 250.0]),
        "size.unit": ["l", None, "g"],
        "allergens": pa.array([["gluten"], ["gluten", "wheat"], []], pa.list_(pa.string())),
        "attribute.organic": pa.array([True, None, False]),
        "attribute.roast": pa.array([None, None, 4], pa.int32()),
        "version": pa.array([7, 8, 9], pa.int64()),
    }, compression="zstd")
    (HERE / "products.csv").write_text(
        "sku,name.en,name.de,category,size.text,size.quantity,size.unit,allergens,attribute.organic,"
        "attribute.roast,version\n"
        "0041,Oat milk 1 L,Haferdrink 1 l,dairy/milk,1 L,1,l,gluten,true,,7\n"
        "0042,Rye bread,,bakery/bread,,,,gluten|wheat,,,8\n"
        "0043,Espresso beans,Espressobohnen,drinks/coffee,250 g,250,g,none,false,4,9\n")


def prices():
    write("prices", {
        "sku": ["0041", "0042", "0043"],
        "amount": pa.array([D("2.49"), D("3.00"), D("7.95")], pa.decimal128(8, 2)),
        "currency": ["EUR", "EUR", "EUR"],
        "was": pa.array([2.99, None, None]),
    }, compression="gzip", row_group_size=2)
    (HERE / "prices.csv").write_text(
        "sku,amount,currency,was\n0041,2.49,EUR,2.99\n0042,3.00,EUR,\n0043,7.95,EUR,\n")


def promotions():
    starts = datetime.datetime(2026, 1, 5, tzinfo=UTC)
    ends = datetime.datetime(2026, 1, 12, 18, 30, tzinfo=UTC)
    write("promotions", {
        "id": ["milk-week", "coffee-week"],
        "title.en": ["Milk week", "Coffee week"],
        "skus": pa.array([["0041"], None], pa.list_(pa.string())),
        "categories": pa.array([None, ["drinks/coffee"]], pa.list_(pa.string())),
        "percent_off": pa.array([None, 20], pa.int8()),
        "fixed_price": pa.array([D("1.99"), None], pa.decimal128(20, 2)),
        "currency": ["EUR", None],
        "starts": pa.array([starts, starts], pa.timestamp("ms", "UTC")),
        "ends": pa.array([ends, None], pa.timestamp("ns", "UTC")),
        "min_quantity": pa.array([2, None], pa.uint8()),
    }, version="2.6", compression="none")
    (HERE / "promotions.csv").write_text(
        "id,title.en,skus,categories,percent_off,fixed_price,currency,starts,ends,min_quantity\n"
        "milk-week,Milk week,0041,,,1.99,EUR,2026-01-05T00:00:00Z,2026-01-12T18:30:00Z,2\n"
        "coffee-week,Coffee week,,drinks/coffee,20,,,2026-01-05T00:00:00Z,,\n")


def refused():
    naive = pa.array([datetime.datetime(2026, 1, 5)], pa.timestamp("us"))
    write("refused-naive-time", {"sku": ["1"], "band": ["low"], "as_of": naive})
    write("refused-struct", {"sku": ["1"], "amount": pa.array([{"value": 1}]), "currency": ["EUR"]})
    write("refused-value", {"sku": ["1", "2"], "amount": [1.5, 2.005], "currency": ["EUR", "EUR"]})
    write("refused-brotli", {"sku": ["1"], "amount": [1.5], "currency": ["EUR"]}, compression="brotli")


for make in (products, prices, promotions, refused):
    make()
