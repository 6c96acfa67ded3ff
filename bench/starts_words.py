"""What the tables of `starts_page` are called and explained by, in both languages."""

from collections.abc import Mapping
from dataclasses import dataclass

import gnn_strategies
import molecules


@dataclass(frozen=True)
class Words:
    """One language."""

    starts: str
    start: str
    mean: str
    before: str
    adapters: str
    adapted: str
    columns: tuple[str, ...]
    molecules: str
    way: str
    numbers: str
    ways: Mapping[str, str]
    citation: str
    cited: tuple[str, ...]
    groups: Mapping[str, str]
    met: Mapping[bool, str]
    strategies: str
    tuned: tuple[str, ...]
    ideas: Mapping[str, str]
    words: str
    read: tuple[str, ...]
    within: str
    mlp: str
    comma: str
    made: str
    none: str


_BY_NAME = {  # strategies of molecules that are told by what they are called in plans
    "BitFit": "`BitFit`",
    "AdapterGNN": "`AdapterGNN`",
    "GPF": "`GPF`",
    "L2-SP": "`L2SP`",
    "BSS": "`BSS`",
}

ENGLISH = Words(
    starts=(
        "Accuracy on test rows in percent with {labels} labels a class, tuned wholly (`Full`), and in "
        "brackets the gain on random weights (`Usual`) over the same {seeds} draws, ± its standard "
        "deviation; transductive: test texts are nodes, their labels hidden. *Seconds* are those of "
        "pre-training, the median of the sets."
    ),
    start="start",
    mean="mean gain",
    before="seconds",
    adapters=(
        "Pre-trained by attribute masking on one set, tuned on another with {labels} labels a class: "
        "accuracy on test rows in percent over {seeds} seeds, settings chosen on val rows, and how many "
        "numbers adapters learn of those that full tuning does."
    ),
    adapted="Adapters against full tuning, the mean of {pairs} pairs: {gain:+.1f} points (at least "
    "{least:+.1f}); numbers, at most: {share:.1f} % ({most:.0f} %). Met: {met}.",
    columns=("pre-trained on", "tuned on", "full", "adapters", "head alone", "numbers"),
    molecules=(
        "Molecules, a PyG GIN pre-trained by attribute masking and tuned on each set: area under the ROC "
        "curve in percent on test molecules of the scaffold split, the mean of tasks and {seeds} seeds, and "
        "in brackets the gain on tuning everything, ± its standard deviation; val molecules choose among "
        "{most} epochs at most. *Numbers* are those learned of all of the network's, the median of the sets."
    ),
    way="tuned",
    numbers="numbers",
    ways={
        molecules.RANDOM: "everything, from random weights",
        molecules.FULL: "everything (`Full`)",
        "linear probe": "the head (`LinearProbe`)",
        **_BY_NAME,
    },
    citation=(
        "cora with the 140 labels of the Planetoid split, {seeds} seeds, settings chosen on val rows alone: "
        "accuracy on test rows in percent."
    ),
    cited=("network", "accuracy", "bar", "met", "chosen"),
    groups={
        "gcn": "GCN as published, on words",
        "gat": "GAT as published, on words",
        "own": "pre-trained, on MiniLM",
    },
    met={True: "yes", False: "**no**"},
    strategies=(
        "A GCN pre-trained by `DGI` on the texts of each set and tuned with {labels} labels a class, means "
        "of {seeds} draws, transductive: *numbers* are those learned and *time* that of tuning, both of "
        "`Full`'s, medians of the sets. Named are the sets on which the accuracy on test rows was clearly "
        "(by {clear:g} standard errors) above or below `Full`'s, in points; *mean* is over {sets}."
    ),
    tuned=("strategy", "idea", "numbers", "time", "helped", "hurt", "mean"),
    ideas={
        gnn_strategies.GRAPH_FREE: "a logistic regression on the same rows",
        gnn_strategies.RANDOM: "no pre-training; everything is tuned",
        "Full": "everything is tuned: what the others are held against",
        "LinearProbe": "the head alone",
        "BitFit": "biases and the head",
        "LastLayers": "the topmost layer and the head",
        "GradualUnfreezing": "one more layer in each phase, from the top",
        "L2SP": "stay near the weights of the start",
        "DELTA": "stay near the features of the start, where the task needs them",
        "BSS": "shrink the smallest singular values of the features",
        "StochNorm": "normalise by moving or own statistics, at random",
        "GTOT": "move features along edges only, at a price",
        "AdapterGNN": "two small adapters beside each frozen layer",
        "GPF": "one vector added to every node",
        "GPFPlus": "some vectors, mixed for each node",
        "GraphControl": "a copy that is let in from zero, and reads a condition",
        "GTuning": "rebuild each neighbourhood's graphon",
    },
    words=(
        "Networks over words, all training labels, means of {seeds} seeds; *seconds* are those of the "
        "longest fit, all included; cores: {cores}."
    ),
    read=("network", "protocol", "accuracy", "published", "bar", "seconds", "met"),
    within="{bar} within {seconds:g} s",
    mlp=(
        "From `MLPInit`'s weights a GCN on debian needs {mlp} s to the best validation score that it reaches "
        "from `Xavier`'s in {xavier} s: medians of {seeds} seeds, {ratio} times as fast (bar {bar:g}: {met})."
    ),
    comma=", ",
    made="Made by `make bench` with the `NAME`s {names}; {made}.",
    none="No figures are committed yet: `make bench` with the `NAME`s {names} makes them.",
)
CHINESE = Words(
    starts=(
        "每类 {labels} 个标签、整体微调（`Full`）时测试行上的准确率（%）；括号内为相同 {seeds} 次抽样下"
        "相对随机权重（`Usual`）的收益，± 为其标准差；直推式：测试文本是节点，其标签隐藏。"
        "*秒*为预训练所需，取各数据集的中位数。"
    ),
    start="初始化",
    mean="平均收益",
    before="秒",
    adapters=(
        "在一个数据集上以属性遮盖预训练，在另一个上以每类 {labels} 个标签微调：{seeds} 个种子下测试行上的"
        "准确率（%），设置在验证行上选定；以及适配器学习的数字占整体微调的比例。"
    ),
    adapted="适配器对比整体微调，{pairs} 对的平均：{gain:+.1f} 分（至少 {least:+.1f}）；"
    "数字至多 {share:.1f} %（{most:.0f} %）。达标：{met}。",
    columns=("预训练于", "微调于", "整体", "适配器", "仅分类头", "数字"),
    molecules=(
        "分子：以属性遮盖预训练的 PyG GIN，在各数据集上微调：骨架划分测试分子的 ROC 曲线下面积（%），取各任务"
        "与 {seeds} 个种子的均值；括号内为相对整体微调的收益，± 为其标准差；由验证分子在至多 {most} 轮中"
        "选定。*数字*为所学占网络全部的比例，取各数据集的中位数。"
    ),
    way="微调",
    numbers="数字",
    ways={
        molecules.RANDOM: "全部，从随机权重出发",
        molecules.FULL: "全部（`Full`）",
        "linear probe": "仅分类头（`LinearProbe`）",
        **_BY_NAME,
    },
    citation=(
        "cora，Planetoid 划分的 140 个标签，{seeds} 个种子，设置仅在验证行上选定：测试行上的准确率（%）。"
    ),
    cited=("网络", "准确率", "标准", "达标", "选定"),
    groups={"gcn": "已发表的 GCN，词特征", "gat": "已发表的 GAT，词特征", "own": "预训练，MiniLM 特征"},
    met={True: "是", False: "**否**"},
    strategies=(
        "在各数据集的文本上以 `DGI` 预训练的 GCN，每类 {labels} 个标签微调，{seeds} 次抽样的均值，直推式："
        "*数字*为所学数字的个数，*时间*为微调时间，均相对 `Full`，取各数据集的中位数。列出测试行准确率明显"
        "（{clear:g} 个标准误）高于或低于 `Full` 的数据集及其差值（百分点）；*均值*覆盖 {sets}。"
    ),
    tuned=("策略", "思想", "数字", "时间", "有益", "有害", "均值"),
    ideas={
        gnn_strategies.GRAPH_FREE: "在相同的行上做逻辑回归",
        gnn_strategies.RANDOM: "不预训练；全部微调",
        "Full": "全部微调：其他策略与之比较",
        "LinearProbe": "仅分类头",
        "BitFit": "偏置与分类头",
        "LastLayers": "最上一层与分类头",
        "GradualUnfreezing": "自上而下，每阶段多解冻一层",
        "L2SP": "不远离起始权重",
        "DELTA": "在任务需要之处不远离起始特征",
        "BSS": "缩小特征的最小奇异值",
        "StochNorm": "随机使用滑动统计量或自身统计量做归一化",
        "GTOT": "特征只能沿边移动，且有代价",
        "AdapterGNN": "每个冻结层旁边两个小适配器",
        "GPF": "给每个节点加上同一个向量",
        "GPFPlus": "若干向量，为每个节点混合",
        "GraphControl": "从零放入的副本，读取一个条件",
        "GTuning": "重建每个邻域的图元",
    },
    words="词上的网络，全部训练标签，{seeds} 个种子的均值；*秒*为最长一次拟合的总时间；核数：{cores}。",
    read=("网络", "协议", "准确率", "已发表", "标准", "秒", "达标"),
    within="{bar}，{seconds:g} 秒以内",
    mlp=(
        "debian 上的 GCN 从 `MLPInit` 的权重出发，需 {mlp} 秒达到"
        "从 `Xavier` 出发用 {xavier} 秒达到的最佳验证分数：{seeds} 个种子的中位数，"
        "快 {ratio} 倍（标准 {bar:g}：{met}）。"
    ),
    comma="、",
    made="由 `make bench` 以 `NAME` {names} 得出；{made}。",
    none="尚未提交数字：以 `NAME` {names} 运行 `make bench` 可得出。",
)
