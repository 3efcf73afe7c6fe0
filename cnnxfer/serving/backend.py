"""What answers requests: models by name, within limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cnnxfer.data.images.source import ImageSource
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.serving.admission import Admission
from cnnxfer.serving.refusals import Refusal, shown
from cnnxfer.serving.served_model import ServedModel, Version


@dataclass(frozen=True)
class Backend:
    """Models by name, and what all of them may take.

    Attributes:
        models: at least one; the first answers where none is named.
        admission: counts what waits.
        most_images: of one request.
        allow_private: whether addresses of images may lie in private networks.
    """

    models: Mapping[str, ServedModel]
    admission: Admission
    most_images: int
    allow_private: bool

    @property
    def first(self) -> ServedModel:
        """The model that answers where none is named."""
        return next(iter(self.models.values()))

    def find(self, name: str, version: str | None = None) -> ServedModel:
        """Returns a model.

        Raises:
            Refusal: if there is none of that name, or in that version.
        """
        model = self.models.get(name)
        if model is None:
            known = ", ".join(self.models)
            raise Refusal(404, f"there is no model {shown(name)}. There is: {known}.")
        _require_version(model, version, model.current)
        return model

    async def answer(
        self, model: ServedModel, sources: Sequence[ImageSource]
    ) -> tuple[Version, list[Prediction]]:
        """Returns a prediction for each image, and the version that they are of.

        Those of images that cannot be read have an `error`.

        Raises:
            Refusal: if too many others wait, or this machine lacks memory or processes.
        """
        with self.admission.images(len(sources)):
            return await model.predict(sources)

    async def answer_all(
        self,
        model: ServedModel,
        sources: Sequence[ImageSource],
        version: str | None = None,
    ) -> tuple[Version, list[Prediction]]:
        """Returns the same for images that can all be read.

        Args:
            model: answers.
            sources: the images.
            version: the one that has to answer; None for any.

        Raises:
            Refusal: as `answer` does, if an image cannot be read, or if a newer version
                has answered meanwhile.
        """
        answered, predictions = await self.answer(model, sources)
        _require_version(model, version, answered)
        for prediction in predictions:
            if prediction.error:
                raise Refusal(400, f"{prediction.path}: {prediction.error}.")
        return answered, predictions


def _require_version(model: ServedModel, asked: str | None, found: Version) -> None:
    if asked not in (None, "", str(found.number)):
        raise Refusal(
            404,
            f"there is no version {shown(asked)} of {model.name}; there is: "
            f"{found.number}.",
        )
