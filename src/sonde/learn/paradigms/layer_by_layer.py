"""Layer by layer: Boltzmann machines pre-train a belief net, then backpropagation fine-tunes it.

Hinton, Osindero, Teh, "A fast learning algorithm for deep belief nets", 2006; Hinton,
Salakhutdinov, "Reducing the dimensionality of data with neural networks", 2006. A phase for each
hidden layer: its machine learns what the trained layers below it give, as probabilities and not
drawn. The last phase is supervised learning as anywhere else. There is no up-down fine-tuning of
the generative model.
"""

from __future__ import annotations

from collections.abc import Iterator

from sonde.contracts.learn import Budget, Context, Exactness, Paradigm, Phase
from sonde.core.errors import UsageError
from sonde.learn._contrastive import Contrastive, contrastive_learner
from sonde.learn.paradigms.supervised import Supervised, SupervisedLearner
from sonde.nets.assemble import Assembled
from sonde.nets.visible import belief_stack


class LayerByLayer(Paradigm):
    """Each hidden layer learns without targets, first to last; then the whole net with them."""

    pretrain: Contrastive = Contrastive()
    """How each layer's machine is trained."""
    finetune: Supervised = Supervised(budget=Budget(epochs=20))
    """How the whole network is trained afterwards."""
    freeze: bool = False
    """Whether only the last layer is fine-tuned: the bundle then keeps the generative model."""

    @property
    def exactness(self) -> Exactness:
        """As of its parts: bits, where no clock decides how many steps there are."""
        return "statistical" if self.pretrain.budget.seconds else self.finetune.exactness

    def phases(self, context: Context) -> Iterator[Phase]:
        """`layer 1`, `layer 2`, ... and `supervised`."""
        if self.pretrain.schedule.reacts and not context.num_rows("valid"):
            raise UsageError(
                f"schedule {self.pretrain.schedule.kind} follows validation scores, and the split "
                "leaves no validation rows. Give it some, such as valid: 0.1, or take another "
                "schedule for pretrain."
            )
        # made first, so that what is wrong with the last phase is said before the long ones
        [last] = self.finetune.phases(context)
        assert isinstance(last.learner, SupervisedLearner)
        network = last.learner.network
        layers = belief_stack(network).layers
        assert isinstance(network, Assembled)
        for index in range(len(layers)):
            yield self._pretraining(network, index, context)
        if self.freeze:
            belief_stack(network).requires_grad_(False)
        yield self.finetune.phase(context, network)

    def _pretraining(self, network: Assembled, index: int, context: Context) -> Phase:
        """One machine, on what the layers below it give for the training rows."""
        settings = self.pretrain
        rows = max(256, settings.batch_size)
        batches = context.batches("train", settings.batch_size, sampler=settings.sampler)
        learner = contrastive_learner(network, index, settings, context, batches)
        valid = None
        if context.num_rows("valid"):
            valid = context.batches("valid", rows, sampler=settings.sampler)
            learner.reference = context.batches("train", rows, sampler=settings.sampler)
        return Phase(f"layer {index + 1}", learner, batches, settings.budget, valid=valid)
