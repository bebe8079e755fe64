"""Boxes, masks, lines, faces, pictures taken back from what was lost."""

from __future__ import annotations

from bench._row import AREA, DECIBELS, ERROR, PART, Row

ROWS = (
    Row(
        name="orl-identification",
        what="faces (ORL), five photographs of each to learn from: error",
        score="accuracy",
        unit=ERROR,
        published="3.8 % (Lawrence et al. 1997)",
        must=3.8,
    ),
    Row(
        name="orl-verification",
        what="faces (ORL), ten people nobody trained on: equal error rate",
        score="equal error rate",
        unit=PART,
        published="none",
        must=8.0,
    ),
    Row(
        name="bccd",
        what="blood cells, given test part: mean average precision at half overlap",
        score="map@50",
        unit=AREA,
        published="YOLOv8n 0.92 (pretrained), a small net 0.85",
        must=0.80,
    ),
    Row(
        name="camvid-boxes",
        what="cars and people on the road, boxes of camvid's masks: the same",
        score="map@50",
        unit=AREA,
        published="none",
        makes={"runs/camvid-boxes.csv": "camvid_boxes.py"},
    ),
    Row(
        name="membrane",
        what="cell membranes, 24 slices to learn from, six to test: pixel error",
        score="pixel error",
        unit=PART,
        published="6.1 % (hidden test; Ronneberger et al. 2015)",
        must=8.5,
    ),
    Row(
        name="camvid",
        what="roads (46 frames of camvid): mean IoU of 11 classes",
        score="mean iou",
        unit=AREA,
        published="SegNet 0.46 to 0.50 on 367 frames",
        must=0.35,
    ),
    Row(
        name="lanes",
        what="drawn roads, held out: IoU of the two lines of the own lane",
        score="line iou",
        unit=AREA,
        published="none",
        must=0.80,
        makes={"runs/roads": "make_roads.py"},
    ),
    Row(
        name="restore-noise",
        what="cifar-10-jpeg, noise of up to 0.2 taken back: PSNR",
        score="psnr",
        unit=DECIBELS,
        published="none",
    ),
    Row(
        name="restore-resolution",
        what="camvid, twice as many pixels a side: PSNR",
        score="psnr",
        unit=DECIBELS,
        published="none",
    ),
)
